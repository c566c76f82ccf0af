// Light and scale of the microscope: the calibration in force, and for admins the two steps that renew it.

import { get, send } from "../api.js";
import { fill, h } from "../dom.js";
import { number, share, t } from "../words.js";

export async function calibration(present, admin) {
  const inForce = h("p", {}, present ?? t("settings.noCalibration"));
  const said = h("p", { role: "status" });
  const counting = admin && (await get("/api/live")).snapshot?.phase === "counting";
  const light = step("light");
  const scale = step("scale");

  function step(name) {
    const button = h("button", { class: "button", type: "button", disabled: counting, on: { click: () => take(name) } }, t(`calibration.${name}`));
    return { button, element: h("li", {}, h("p", {}, t(`calibration.${name}Means`)), button) };
  }

  function say(kind, ...words) {
    said.className = kind;
    fill(said, words);
  }

  async function take(name) {
    for (const { button } of [light, scale]) button.disabled = true;
    say("notice", t("calibration.busy"));
    try {
      const found = await send("POST", "/api/calibration", { step: name });
      fill(inForce, found.calibration);
      say("good",
        found.fall_off !== null && h("div", {}, t("calibration.fallOff", { part: share(found.fall_off) })),
        found.um_per_px !== null && h("div", {}, t("calibration.umPerPx", { um: number(found.um_per_px, 4) })));
    } catch (problem) {
      say("problem", problem.message);
    } finally {
      for (const { button } of [light, scale]) button.disabled = false;
    }
  }

  return h("section", { class: "card", id: "calibration" },
    h("h2", {}, t("settings.calibration")),
    inForce,
    admin && h("ol", { class: "plain steps" }, light.element, scale.element),
    counting && h("p", { class: "soft" }, t("error.counting")),
    said,
    h("p", { class: "soft" }, t("settings.howToCalibrate"), " ",
      h("code", {}, "leukoscope calibrate --objective 100x"), " ", t("calibration.then"), " ", h("code", {}, "leukoscope calibrate --scale")));
}
