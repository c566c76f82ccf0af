// The dialog before a count ends.

import { fill, h } from "../../dom.js";
import { t } from "../../words.js";

// Ends the running count after a second confirmation.
export function stopping(ask, running) {
  const words = h("p", {});
  const wrong = h("p", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button primary" }, t("live.stopYes"));
  const no = h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("live.stopNo"));
  const submit = async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    wrong.hidden = true;
    try {
      await ask({ command: "stop" });
      dialog.close();
    } catch (problem) {
      fill(wrong, problem.message);
      wrong.hidden = false;
    } finally {
      button.disabled = false;
    }
  };
  const dialog = h("dialog", { "aria-label": t("live.stopTitle") },
    h("form", { class: "card", on: { submit } },
      h("h2", {}, t("live.stopTitle")),
      words, wrong,
      h("div", { class: "buttons" }, button, no)));

  function open() {
    const count = running();
    if (!count) return;
    fill(words, t("live.stopMeans", count));
    dialog.showModal();
    // An accidental second Enter must not end the count.
    no.focus();
  }

  return { element: dialog, open, close: () => dialog.open && dialog.close() };
}
