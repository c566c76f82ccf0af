// A worklist from a file or from what was pasted: every line is shown with what is wrong before any is taken.

import { send } from "../../api.js";
import { field, fill, h } from "../../dom.js";
import { number, t } from "../../words.js";

// Bad lines shown at once.
const SHOWN = 50;

// `taken()` is called once samples are on the worklist.
export function importing(taken) {
  const text = h("textarea", { rows: 5, spellcheck: "false", autocomplete: "off", dataset: { scan: "text" }, on: { input: () => fill(found) } });
  const file = h("input", { type: "file", accept: ".csv,.txt,.tsv,text/csv,text/plain", on: { change: read } });
  const wrong = h("p", { class: "problem", role: "alert", hidden: true });
  const found = h("div", { role: "status" });

  function refuse(words) {
    fill(wrong, words);
    wrong.hidden = words === "";
  }

  async function read() {
    const [chosen] = file.files;
    if (!chosen) return;
    text.value = await chosen.text();
    await check();
  }

  async function ask(take) {
    refuse("");
    try {
      return await send("POST", "/api/worklist/import", { text: text.value, take });
    } catch (problem) {
      fill(found);
      refuse(problem.message);
      return null;
    }
  }

  async function check() {
    const table = await ask(false);
    if (!table) return;
    const { good, bad } = table;
    fill(found,
      h("p", {}, h("b", {}, t("import.good", { n: number(good.length) }))),
      bad.length > 0 && [h("p", { class: "notice" }, t("import.bad", { n: number(bad.length) })), lines(bad)],
      good.length > 0 && h("button", { class: "button primary", type: "button", on: { click: take } }, t("import.take", { n: number(good.length) })));
  }

  const lines = (bad) => h("ul", { class: "bad-lines" },
    bad.slice(0, SHOWN).map((one) => h("li", {}, h("b", {}, t("import.line", { n: number(one.line) })), " ", h("code", {}, one.text), " — ", one.reason)),
    bad.length > SHOWN && h("li", {}, "…"));

  async function take({ currentTarget: button }) {
    button.disabled = true;
    const table = await ask(true);
    button.disabled = false;
    if (!table) return;
    await taken();
    // Lines for which there was no room are among the bad ones only now.
    fill(found, h("p", { class: "good" }, t("import.taken", { n: number(table.good.length), more: number(table.new) })), table.bad.length > 0 && lines(table.bad));
    text.value = file.value = "";
  }

  const dialog = h("dialog", { class: "broad", "aria-label": t("import.title"), on: { close: () => (fill(found), refuse(""), (text.value = file.value = "")) } },
    h("form", { class: "card", on: { submit: (event) => (event.preventDefault(), check()) } },
      h("h2", {}, t("import.title")),
      field(t("import.file"), file),
      field(t("import.text"), text, t("import.hint")),
      wrong, found,
      h("div", { class: "buttons" },
        h("button", { class: "button primary" }, t("import.check")),
        h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("import.close")))));
  return { element: dialog, open: () => dialog.showModal() };
}
