// Language and look, what is in force, and for admins limits, users, tokens and the audit trail.

import { get, send } from "../api.js";
import { field, fill, h } from "../dom.js";
import { keep, preferred } from "../kept.js";
import { languageName, number, t } from "../words.js";
import { audit, tokens, users } from "./admin.js";

const LIMITS = [
  ["blasts_percent", "blasts"],
  ["bands_percent", "bands"],
  ["immature_granulocytes_percent", "immature"],
  ["nucleated_red_per_100", "nucleated"],
  ["unclassified_percent", "unclassified"],
  ["correct_white_from", "correct"],
];

export async function show(root, _params, context) {
  const { settings, calibration } = await get("/api/settings");
  const admin = context.may("admin");
  fill(root, h("h1", {}, t("nav.settings")), look(context), force(settings, calibration), limits(settings, admin));
  if (!admin) return;
  root.append(await users(context), await tokens(context), await audit(context));
}

function look(context) {
  const chosen = (name) => async (event) => {
    keep(name, event.target.value);
    await context.refresh();
  };
  const language = h("select", { on: { change: chosen("language") } },
    h("option", { value: "" }, t("settings.browser")),
    context.me.languages.map((one) => h("option", { value: one, lang: one, selected: preferred("language") === one }, languageName(one))));
  const theme = h("select", { on: { change: chosen("theme") } },
    ["", "light", "dark"].map((one) => h("option", { value: one, selected: (preferred("theme") ?? "") === one }, t(one ? `settings.${one}` : "settings.browser"))));
  return h("section", { class: "card" }, h("h2", {}, t("settings.look")), h("div", { class: "search" }, field(t("settings.language"), language), field(t("settings.theme"), theme)));
}

function force(settings, calibration) {
  const line = (name, value) => [h("dt", {}, t(name)), h("dd", {}, value)];
  return h("section", { class: "card" },
    h("h2", {}, t("settings.force")),
    h("dl", {},
      line("settings.version", settings.version),
      line("settings.camera", settings.camera),
      line("settings.calibration", calibration ?? t("settings.noCalibration")),
      Object.entries(settings.models).map(([name, sha256]) => line(`model.${name}`, h("span", { class: "hash" }, sha256)))),
    h("p", { class: "soft" }, t("settings.howToCalibrate"), " ", h("code", {}, "leukoscope calibrate --objective 100x")));
}

function limits({ session, flags }, admin) {
  const input = (value, most) => h("input", { type: "number", value, min: 0, max: most, step: "any", required: true, disabled: !admin });
  const target = h("input", { type: "number", value: session.target, min: 1, max: 100000, step: 1, required: true, disabled: !admin });
  const inputs = LIMITS.map(([name]) => [name, input(flags[name], 100)]);
  const said = h("p", { role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await send("PUT", "/api/settings", { target: Number(target.value), flags: Object.fromEntries(inputs.map(([name, one]) => [name, Number(one.value)])) });
      said.className = "good";
      fill(said, t("settings.kept"));
    } catch (problem) {
      said.className = "problem";
      fill(said, problem.message);
    }
  };
  return h("form", { class: "card", on: { submit } },
    h("h2", {}, t("settings.limits")),
    h("p", { class: "soft" }, t(admin ? "settings.limitsHint" : "settings.limitsWho"), session.precision_of ? ` ${t("settings.precision", { points: number(session.precision_points, 1) })}` : ""),
    h("div", { class: "search" },
      field(t("settings.target"), target),
      inputs.map(([, one], n) => field(t(`limit.${LIMITS[n][1]}`), one))),
    said,
    admin && h("button", { class: "button primary" }, t("settings.keep")));
}
