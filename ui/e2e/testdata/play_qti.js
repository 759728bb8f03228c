// playItem opens an item of QTI 3.0 in the player and ends its attempt. right restores the right answers
// before, as a test controller restores what a person chose.
window.playItem = (xml, right) => {
  const item = new DOMParser().parseFromString(xml, "text/xml");
  const order = [...item.querySelectorAll("qti-simple-choice")].map((e) => e.getAttribute("identifier"));
  const responses = [...item.querySelectorAll("qti-response-declaration")].map((r) => {
    const values = [...r.querySelectorAll("qti-correct-response > qti-value")].map((e) => e.textContent);
    const cardinality = r.getAttribute("cardinality");
    const value = cardinality === "single" ? (values[0] ?? null) : values;
    return { identifier: r.getAttribute("identifier"), cardinality, value, state: { order } };
  });
  const state = { identifier: "x", guid: "x", contextVariables: [], responseVariables: responses, outcomeVariables: [], templateVariables: [], validationMessages: [] };
  document.body.innerHTML = "<div id=player></div>";
  return new Promise((done) => {
    const end = (out) => done(JSON.stringify(out));
    const shown = new Vue({
      render: (h) =>
        h(window.qti3Player, {
          ref: "player",
          on: {
            notifyQti3PlayerReady: (player) => {
              try {
                player.loadItemFromXml(xml, right ? { guid: "x", state } : { guid: "x" });
              } catch (e) {
                end({ failure: String(e) });
              }
            },
            notifyQti3ItemReady: () => setTimeout(() => shown.$refs.player.endAttempt("x")),
            notifyQti3EndAttemptCompleted: (ended) => {
              const outcome = (name) => ended.state.outcomeVariables.find((o) => o.identifier === name)?.value;
              end({ text: shown.$el.innerText, score: outcome("SCORE"), max: outcome("MAXSCORE") });
            },
            notifyQti3ItemAlertEvent: (e) => end({ failure: JSON.stringify(e) }),
          },
        }),
    }).$mount("#player");
  });
};
