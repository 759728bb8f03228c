// A pupil in 40 lines, with the stock client: joins a lesson, answers its next question, leaves.
//   npm install phoenix ws && node pupil.mjs http://BOX CODE NAME
import { Socket } from "phoenix";
import WebSocket from "ws";

const [box, code, name] = process.argv.slice(2);
let cookie = "";

async function call(method, path, body) {
  const headers = { "Content-Type": "application/json", Cookie: cookie };
  const res = await fetch(box + path, { method, headers, body: body && JSON.stringify(body) });
  for (const c of res.headers.getSetCookie()) if (c.startsWith("ll=")) cookie = c.split(";")[0];
  const data = await res.json();
  if (!res.ok) throw new Error(`${path}: ${data.code}: ${data.message}`);
  return data;
}

// 1. Sign in: the code gives the names, the name gives a session, the session knows its room.
const { names } = await call("POST", "/api/join/look", { code });
await call("POST", "/api/join", { code, pupil: names.find((n) => n.name === name).id });
const { room } = await call("GET", "/api/state");

// 2. Join. The client appends /websocket?vsn=2.0.0; at a rejoin the box sends what was missed.
let last = {};
const socket = new Socket(box.replace(/^http/, "ws") + "/socket", { transport: WebSocket, params: { token: cookie.slice(3) } });
const channel = socket.channel("room:" + room, () => (last.epoch ? { since: last.seq, epoch: last.epoch } : {}));
socket.connect();

// 3. Answer. The id makes the command count once, however often it is sent.
channel.on("quiz.opened", ({ seq, epoch, data }) => {
  last = { seq, epoch };
  const item = data.items[0];
  const response = item.options ? { options: [item.options[0].id] } : { text: "42" };
  channel.push("quiz.answer", { id: crypto.randomUUID(), round: data.round, item: item.id, response })
    .receive("ok", (reply) => { console.log("saved", item.id, reply.saved); channel.leave(); socket.disconnect(); })
    .receive("error", (e) => { console.error("refused", e.code, e.field); process.exit(1); });
});
channel.join().receive("ok", (r) => { last = { seq: r.seq, epoch: r.epoch }; console.log("joined", r.me.user); })
  .receive("error", (e) => { console.error("not joined:", e.code); process.exit(1); });
