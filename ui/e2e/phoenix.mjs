// The stock phoenix client in Node against a running box: join, push, reply, presence,
// a cut socket, rejoin by itself and resume. Prints what happened as one line of JSON.
//   node phoenix.mjs ws://127.0.0.1:PORT/socket ROOM TOKEN_A TOKEN_B
import { Presence, Socket } from "phoenix";
import WebSocket from "ws";

const [url, room, tokenA, tokenB] = process.argv.slice(2);
const out = { seen: [], missed: [], rejoins: 0, present: [] };
const wait = (ok, what) =>
  new Promise((resolve, reject) => {
    const end = Date.now() + 20000;
    const look = () => (ok() ? resolve() : Date.now() > end ? reject(new Error("timeout: " + what)) : setTimeout(look, 20));
    look();
  });

function member(token) {
  const m = { since: 0, epoch: 0, joins: 0 };
  m.socket = new Socket(url, { transport: WebSocket, params: { token }, reconnectAfterMs: () => 200, rejoinAfterMs: () => 200 });
  m.socket.connect();
  m.channel = m.socket.channel("room:" + room, () => (m.epoch ? { since: m.since, epoch: m.epoch } : {}));
  m.presence = new Presence(m.channel);
  m.channel.join().receive("ok", (r) => {
    m.joins++;
    m.missed = r.missed;
    m.view = r.view;
    m.since = r.seq;
    m.epoch = r.epoch;
  }).receive("error", (r) => console.error("join refused", r));
  m.push = (event, payload) =>
    new Promise((resolve) => m.channel.push(event, payload).receive("ok", (r) => resolve({ ok: true, ...r })).receive("error", (r) => resolve({ ok: false, ...r })));
  return m;
}

const a = member(tokenA), b = member(tokenB);
b.channel.on("chat.said", (e) => {
  b.since = e.seq;
  b.epoch = e.epoch;
  out.seen.push(e.data.text);
});
await wait(() => a.joins === 1 && b.joins === 1, "both joins");
out.view = !!b.view;
out.reply = await a.push("chat.say", { id: "1", text: "one", to: "all" });
out.refusal = await a.push("room.lock", { id: "2", what: "chat", on: true });
await wait(() => out.seen.length === 1, "the first message");
await wait(() => b.presence.list().length === 2, "presence of two");
out.present = b.presence.list((user, { metas }) => user + ":" + metas.length).sort();

b.socket.conn.terminate(); // as a dying access point does
await a.push("chat.say", { id: "3", text: "two", to: "all" });
out.third = await a.push("chat.say", { id: "4", text: "three", to: "all" });
await wait(() => b.joins === 2, "the rejoin");
out.missed = (b.missed ?? []).map((e) => e.kind + " " + e.data.text);
out.repeat = await a.push("chat.say", { id: "4", text: "three", to: "all" });
await a.push("chat.say", { id: "5", text: "four", to: "all" });
await wait(() => out.seen.includes("four"), "the message after the rejoin");
await wait(() => a.presence.list().length === 2, "presence after the rejoin");
out.rejoins = b.joins - 1;
console.log(JSON.stringify(out));
a.socket.disconnect();
b.socket.disconnect();
setTimeout(() => process.exit(0), 100);
