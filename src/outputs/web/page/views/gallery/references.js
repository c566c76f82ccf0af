// Reference pictures of a class, from a folder of the laboratory's own.

import { get } from "../../api.js";
import { fill, h } from "../../dom.js";
import { className, number, t } from "../../words.js";

let told = null;

// A place that fills itself, and stays empty without such pictures.
export function references(code) {
  const place = h("div", { class: "references", hidden: true });
  told ??= get("/api/references");
  told.then(({ classes }) => {
    const count = classes[code] ?? 0;
    if (count === 0) return;
    fill(place, h("p", { class: "soft" }, t("field.references", { class: className(code) })),
      Array.from({ length: count }, (_, at) => h("img", { src: `/api/references/${code}/${at + 1}`, alt: t("field.reference", { n: number(at + 1), class: className(code) }), loading: "lazy" })));
    place.hidden = false;
  }).catch(() => (told = null));
  return place;
}
