import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Fault } from "../api/http";
import { library, type Quiz } from "../api/library";
import { line, ofTitle, QuizDraft } from "./quiz-draft";
import { fact } from "./test-facts";

const golden = fact("quiz.loaded").data.items[0]!;
const quiz = (change: Partial<Quiz> = {}): Quiz => ({
  id: "q_1",
  title: "Fractions",
  speed: false,
  paced: "teacher",
  board: false,
  items: [golden],
  updated: 1,
  ...change,
});

const store = new Map<string, string>();
const kept = () => store.has("ll:quiz:q_1");
const put = vi.spyOn(library, "putQuiz");
const get = vi.spyOn(library, "quiz");

beforeEach(() => {
  vi.useFakeTimers();
  store.clear();
  vi.stubGlobal("localStorage", {
    getItem: (k: string) => store.get(k) ?? null,
    setItem: (k: string, v: string) => store.set(k, v),
    removeItem: (k: string) => store.delete(k),
  });
  // The box gives an id to a new question, and a time to each version.
  put.mockReset().mockImplementation(async (q) => ({
    ...q,
    items: q.items.map((i, n) => ({ ...i, id: i.id || `new${n}` })),
    updated: q.updated + 1,
  }));
  get.mockReset();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const refuse = (field: string, code = "empty", status = 422) =>
  put.mockRejectedValueOnce(new Fault(status, "user", code, field));

describe("Draft", () => {
  it("keeps a change at once and saves it soon after the last key", async () => {
    const d = new QuizDraft(quiz());
    expect(d.state.value).toBe("saved");
    d.put({ head: { title: "A" } });
    await vi.advanceTimersByTimeAsync(600);
    d.put({ head: { title: "AB" } });
    expect([d.state.value, kept(), put.mock.calls.length]).toEqual(["waiting", true, 0]);
    await vi.advanceTimersByTimeAsync(700);
    expect([d.state.value, kept(), put.mock.calls.map(([q]) => [q.title, q.updated])]).toEqual([
      "saved",
      false,
      [["AB", 1]],
    ]);
  });

  it("takes the id of a new question from the box", async () => {
    const d = new QuizDraft(quiz());
    d.put({ lines: [...d.lines.value, line({ ...golden, id: "" })] });
    const uids = d.lines.value.map((l) => l.uid);
    await d.save();
    expect([d.lines.value.map((l) => l.item.id), d.lines.value.map((l) => l.uid)]).toEqual([["a", "new1"], uids]);
    expect([d.known(golden), d.known({ ...golden, id: "b" })]).toEqual([true, false]);
  });

  it("saves a change that comes during a save", async () => {
    const d = new QuizDraft(quiz());
    d.put({ head: { title: "A" } });
    const saving = d.save();
    expect(d.state.value).toBe("saving");
    d.put({ head: { title: "B" } });
    await saving;
    expect([d.state.value, kept()]).toEqual(["waiting", true]);
    await vi.advanceTimersByTimeAsync(700);
    expect([d.state.value, put.mock.calls.map(([q]) => [q.title, q.updated])]).toEqual([
      "saved",
      [
        ["A", 1],
        ["B", 2],
      ],
    ]);
  });

  it("saves the rest without a question that the box refuses", async () => {
    const d = new QuizDraft(quiz());
    const bad = line({ ...golden, id: "", text: "" });
    d.put({ head: { title: "B" }, lines: [...d.lines.value, bad] });
    refuse("items[1].text");
    await d.save();
    expect([d.state.value, kept(), d.lines.value.length]).toEqual(["unfinished", true, 2]);
    expect(d.refusals.value.get(bad.uid)).toMatchObject({ field: "text", fault: { code: "empty" } });
    expect(put.mock.lastCall![0]).toMatchObject({ title: "B", items: [golden] });
    d.put({ lines: d.lines.value.map((l) => (l.uid === bad.uid ? { ...l, item: { ...l.item, text: "b" } } : l)) });
    await d.save();
    expect([d.state.value, d.refusals.value.size, put.mock.lastCall![0].items.length]).toEqual(["saved", 0, 2]);
  });

  it("saves the rest with the title that the box has", async () => {
    const d = new QuizDraft(quiz());
    d.put({ head: { title: "", speed: true } });
    refuse("title");
    await d.save();
    expect([d.state.value, d.refusals.value.has(ofTitle), d.head.value.title]).toEqual(["unfinished", true, ""]);
    expect(put.mock.lastCall![0]).toMatchObject({ title: "Fractions", speed: true });
  });

  it("stops at a refusal of the whole", async () => {
    const d = new QuizDraft(quiz());
    d.put({ head: { title: "A" } });
    refuse("items", "too_many");
    await d.save();
    expect([d.state.value, d.fault.value?.code, kept()]).toEqual(["refused", "too_many", true]);
  });

  it.each([[0], [503], [429]])("asks later after status %i", async (status) => {
    const d = new QuizDraft(quiz());
    d.put({ head: { title: "A" } });
    refuse("", "offline", status);
    await d.save();
    expect([d.state.value, kept()]).toEqual(["offline", true]);
    await vi.advanceTimersByTimeAsync(5000);
    expect([d.state.value, d.fault.value, kept()]).toEqual(["saved", null, false]);
  });

  it("lets a person choose after somebody else has saved", async () => {
    const d = new QuizDraft(quiz());
    d.put({ head: { title: "mine" } });
    refuse("", "changed", 409);
    await d.save();
    d.put({ head: { title: "mine too" } });
    await vi.advanceTimersByTimeAsync(10_000);
    expect([d.state.value, put.mock.calls.length, kept()]).toEqual(["changed", 1, true]);
    get.mockResolvedValueOnce(quiz({ title: "theirs", updated: 8 }));
    await d.keepMine();
    expect([d.state.value, put.mock.lastCall![0].title, put.mock.lastCall![0].updated]).toEqual([
      "saved",
      "mine too",
      8,
    ]);
  });

  it("forgets what is not saved", async () => {
    const d = new QuizDraft(quiz());
    d.put({ head: { title: "A" } });
    d.forget();
    await vi.advanceTimersByTimeAsync(10_000);
    expect([kept(), put.mock.calls.length]).toEqual([false, 0]);
  });

  it("tells when this device keeps nothing", () => {
    const d = new QuizDraft(quiz());
    expect(d.kept).toBe(true);
    vi.stubGlobal("localStorage", undefined);
    d.put({ head: { title: "A" } });
    expect(d.kept).toBe(false);
  });
});

describe("Draft after a reload", () => {
  const leave = (title: string) => {
    const d = new QuizDraft(quiz());
    d.put({ head: { title } });
    d.close();
  };

  it("goes on with what was not saved", async () => {
    leave("A");
    const d = new QuizDraft(quiz());
    expect([d.head.value.title, d.state.value]).toEqual(["A", "waiting"]);
    await vi.advanceTimersByTimeAsync(0);
    expect([d.state.value, kept()]).toEqual(["saved", false]);
  });

  it("lets a person choose if somebody else has saved meanwhile", () => {
    leave("A");
    expect(new QuizDraft(quiz({ title: "theirs", updated: 2 })).state.value).toBe("changed");
  });

  it("knows its own save whose answer it has not seen", async () => {
    const d = new QuizDraft(quiz());
    d.put({ head: { title: " A " }, lines: [line({ ...golden, id: "" })] });
    put.mockReturnValueOnce(new Promise(() => {}));
    void d.save();
    await vi.advanceTimersByTimeAsync(0);
    const again = new QuizDraft(quiz({ title: "A", items: [{ ...golden, id: "new" }], updated: 2 }));
    expect(again.state.value).toBe("waiting");
    again.close();
  });
});
