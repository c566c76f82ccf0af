// The manual, in the page's language: one file of the program, shown with the part asked for in view.

import { inOrder } from "../classes.js";
import { fill, h } from "../dom.js";
import { className, t } from "../words.js";

export async function show(root, [anchor], context) {
  const article = await read(document.documentElement.lang);
  const sections = [...article.querySelectorAll("section")];
  for (const place of article.querySelectorAll("[data-list='class-keys']")) fill(place, keys(context.classes));
  fill(root,
    h("div", { class: "line" },
      h("h1", {}, t("nav.manual")),
      context.me.role && h("a", { class: "button small", href: "#/practice" }, t("manual.practice"))),
    h("p", { class: "soft" }, t("manual.key")),
    h("nav", { "aria-label": t("manual.contents") },
      h("ul", { class: "manual contents" }, sections.map((section) => h("li", {}, h("a", { href: `#/manual/${section.id}` }, section.querySelector("h2").textContent))))),
    h("article", { class: "manual", lang: article.documentElement.lang }, sections));
  if (!anchor) return;
  const part = root.querySelector(`[id="${CSS.escape(decodeURIComponent(anchor))}"]`);
  if (!part) return root.prepend(h("p", { class: "notice" }, t("manual.missing")));
  part.classList.add("shown");
  part.tabIndex = -1;
  // After the frame has put the view at its top.
  requestAnimationFrame(() => {
    part.scrollIntoView();
    part.focus({ preventScroll: true });
  });
}

// A language of the clinic's own has no manual; English is read then.
async function read(language) {
  for (const one of new Set([language, language.split("-")[0], "en"])) {
    const response = await fetch(`/assets/manual/${one}.html`).catch(() => null);
    if (response?.ok) return new DOMParser().parseFromString(await response.text(), "text/html");
  }
  throw new Error(t("manual.unread"));
}

// The keys as this program has them.
function keys(classes) {
  return h("dl", { class: "keys" }, inOrder(classes.filter((one) => one.key)).map(({ code, key }) => [
    h("dt", {}, h("kbd", {}, key)), h("dd", {}, `${className(code)} (${code})`)]));
}
