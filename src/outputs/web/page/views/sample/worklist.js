// Samples that wait to be counted.

import { get, send } from "../../api.js";
import { fill, h } from "../../dom.js";
import { t } from "../../words.js";

// `pick(sample)` gets the one that is pressed; `refuse(words)` what went wrong.
export function worklist(pick, refuse) {
  const list = h("ul", { class: "worklist" });
  const element = h("section", { hidden: true, "aria-label": t("live.worklist") }, h("b", {}, t("live.worklist")), list);
  let chosen = "";

  async function refresh() {
    const { samples } = await get("/api/worklist");
    element.hidden = samples.length === 0;
    fill(list, samples.map((one) => h("li", { class: one.urgent ? "urgent" : "", dataset: { sample: one.sample } },
      h("button", { class: "button", type: "button", on: { click: () => pick(one.sample) } },
        one.urgent && h("b", {}, `${t("live.urgent")} `), one.sample),
      off(one))));
    mark(chosen);
  }

  // Shows which one the id in the field is.
  function mark(sample) {
    chosen = sample;
    for (const one of list.children) {
      const is = one.dataset.sample === sample;
      one.classList.toggle("chosen", is);
      one.firstChild.setAttribute("aria-pressed", String(is));
      if (is) one.scrollIntoView({ block: "nearest" });
    }
  }

  // The first press of × asks, the second takes the sample off.
  function off({ sample, number }) {
    const words = t("live.takeOff", { sample });
    let asked = false;
    const button = h("button", { class: "button", type: "button", "aria-label": words, on: { click: () => {
      if (asked) takeOff(number);
      asked = true;
      fill(button, `${words}?`);
    } } }, "×");
    return button;
  }

  async function takeOff(number) {
    try {
      await send("DELETE", `/api/worklist/${number}`);
      await refresh();
    } catch (problem) {
      refuse(problem.message);
    }
  }

  return { element, refresh, mark };
}
