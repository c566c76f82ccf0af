// The words that everything shown of a result carries: training, simulated, replayed, unchecked.

import { h } from "./dom.js";
import { t } from "./words.js";

// Those of a live count; a stored session has its own list.
export function marksOf({ source, training, camera_check: check }) {
  const of = source === "simulated" || source === "replayed" ? source : check?.cells === 0 ? "unchecked" : null;
  return [training && "training", of].filter(Boolean);
}

export const badges = (marks) => (marks ?? []).map((mark) => h("span", { class: "marked" }, t(`mark.${mark}`)));

// What they mean, one line each.
export const meanings = (marks) => (marks ?? []).map((mark) => h("p", { class: "notice" }, h("b", {}, t(`mark.${mark}`)), " – ", t(`markMeans.${mark}`)));

// Whether nobody may sign it as final here.
export const notReal = (marks, me) => !me?.training && (marks ?? []).some((mark) => mark === "simulated" || mark === "replayed");
