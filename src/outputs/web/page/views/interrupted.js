// Counts that the power cut off: go on with one, or close it with the cells it has.

import { get, send } from "../api.js";
import { fill, h } from "../dom.js";
import { date, number, t } from "../words.js";

// Cards shown at once.
const SHOWN = 3;

// A card for each; `only` is the number of the session wanted, else the newest are shown. `gone(id)` is called once a
// count goes on, `closed(id)` once one is closed.
export function interrupted({ only, gone, closed }) {
  const element = h("div", {});

  async function refresh() {
    const { sessions } = await get("/api/interrupted");
    fill(element, sessions.filter((one) => !only || one.id === only).slice(0, SHOWN).map(card));
  }

  function card(one) {
    const wrong = h("p", { class: "problem", role: "alert", hidden: true });
    const place = h("p", { hidden: true }, h("b", {}, t("interrupted.place")));
    const [on, end] = [twice("primary", "interrupted.goOn", "interrupted.goOnSure", () => (place.hidden = false), goOn),
      twice("", "interrupted.close", "interrupted.closeSure", () => {}, close)];
    on.disabled = one.closed_only !== null;

    // The first press says what happens, the second does it.
    function twice(kind, words, sure, first, work) {
      let asked = false;
      const button = h("button", { class: `button ${kind}`, type: "button", on: { click: async () => {
        if (!asked) {
          asked = true;
          first();
          fill(button, t(sure, { n: number(one.counted) }));
          return;
        }
        wrong.hidden = true;
        button.disabled = true;
        try {
          await work();
        } catch (problem) {
          button.disabled = false;
          fill(wrong, problem.message);
          wrong.hidden = false;
        }
      } } }, t(words));
      return button;
    }

    async function goOn() {
      await send("POST", `/api/sessions/${one.id}/resume`);
      fill(element);
      gone(one.id);
    }

    async function close() {
      await send("POST", `/api/sessions/${one.id}/close`);
      await refresh();
      closed(one.id);
    }

    return h("section", { class: "card interrupted", "aria-label": t("interrupted.title") },
      h("h2", {}, t("interrupted.title")),
      h("p", {}, t("interrupted.card", { sample: one.sample, n: number(one.counted), target: number(one.target), started: date(one.started) })),
      one.closed_only && h("p", { class: "soft" }, one.closed_only),
      place, wrong,
      h("div", { class: "buttons" }, on, end));
  }

  return { element, refresh };
}
