// A file for whoever helps from afar: gathered, read here by the person, then saved.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { help } from "../help.js";
import { number, t } from "../words.js";

export function support() {
  const place = h("div", { class: "bundle", role: "status" });
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button", on: { click: gather } }, t("support.gather"));
  async function gather() {
    button.disabled = true;
    said.hidden = true;
    try {
      draw(place, await get("/api/support-bundle"));
    } catch (problem) {
      fill(said, problem.message);
      said.hidden = false;
    } finally {
      button.disabled = false;
    }
  }
  return h("section", { class: "card", id: "support" },
    h("h2", {}, t("support.title"), help("support")), h("p", {}, t("support.means")), said, button, place);
}

function draw(place, { parts, text }) {
  // What is saved is what was shown, not what the station would say a moment later.
  const file = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  fill(place,
    h("p", {}, t("support.holds")),
    h("ul", {}, parts.map(({ name, lines }) => h("li", {}, t("support.part", { name, lines: number(lines) })))),
    h("pre", { tabindex: 0, "aria-label": t("support.title") }, text),
    h("a", { class: "button primary", href: file, download: "leukoscope-support.txt" }, t("support.save")));
}
