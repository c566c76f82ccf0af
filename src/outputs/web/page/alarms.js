// The red strip below the bar: results with a critical value of which nobody was told yet.

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { number, t } from "./words.js";

// How often to ask, ms; the station does not count this as activity.
const EVERY = 5000;

export const criticalWords = ({ of, value, limit }) =>
  t(`critical.${of}`, { value: number(value, Number.isInteger(value) || limit > 100 ? 0 : 1), limit: number(limit, Number.isInteger(limit) ? 0 : 1) });

export function watchAlarms(place, context) {
  let shown = "";
  async function look() {
    const alarms = context.me?.role ? await get("/api/alarms").then((answer) => answer.alarms, () => null) : [];
    // What was seen stays while the station does not answer.
    if (alarms === null) return;
    const now = JSON.stringify([alarms, document.documentElement.lang]);
    if (now === shown) return;
    shown = now;
    place.hidden = alarms.length === 0;
    fill(place, h("strong", {}, t("critical.title")), alarms.map((one) =>
      h("a", { href: `#/session/${one.session}` }, `${one.sample}: ${one.critical.map(criticalWords).join("; ")}`)));
  }
  setInterval(look, EVERY);
  return look;
}
