// A result: differential, flags, signature, reports.

import { get } from "../api.js";
import { bar, below, differential, interval } from "../differential.js";
import { fill, h } from "../dom.js";
import { help } from "../help.js";
import { badges, meanings, notReal } from "../marks.js";
import { rangeCell, rangeHead, rangesOf, sources } from "../ranges.js";
import { className, date, flagName, number, statusName, t } from "../words.js";
import { alarm, blasts } from "./alarm.js";
import { told } from "./gallery/review.js";
import { interrupted } from "./interrupted.js";
import { amending, versions } from "./amend.js";
import { changed } from "./delta.js";
import { handingBack, hasSigned, secondLook } from "./second.js";
import { lotName } from "./quality/lots.js";
import { redCells } from "./red.js";
import { signing } from "./signing.js";

export async function show(root, [id], context) {
  // Wait until all changes made in the gallery have reached the station, so the result includes them.
  await told(id);
  const detail = await get(`/api/sessions/${id}`);
  const result = detail.reviewed_result;
  fill(
    root,
    h("div", { class: "line" },
      h("h1", {}, detail.sample),
      h("span", { class: "badge", dataset: { status: detail.status } }, statusName(detail.status)),
      badges(detail.marks)),
    h("p", { class: "soft" }, t("result.when", { id: detail.id, station: detail.station, started: date(detail.started), ended: date(detail.ended) })),
    versions(detail),
    meanings(detail.marks),
    alarm(detail, context),
    secondLook(detail),
    changed(detail),
    result && (await blasts(detail, context)),
    detail.status === "preliminary" && !detail.control && !detail.awaits_second && h("p", { class: "notice" }, t("result.preliminary")),
    links(detail),
    result ? body(detail, result) : h("p", { class: "notice" }, t(`result.no.${detail.status}`)),
  );
  if (detail.status === "interrupted" && !detail.control) {
    const card = interrupted({ only: detail.id, gone: () => context.go("#/live"), closed: () => show(root, [id], context) });
    root.append(card.element);
    await card.refresh();
  }
  if (detail.status === "preliminary" && !detail.control && !hasSigned(detail, context)) root.append(notReal(detail.marks, context.me) ? h("p", { class: "notice", id: "not-real" }, t("sign.notReal")) : await signing(detail, context));
  root.append(handingBack(detail, context) ?? "", amending(detail, context) ?? "");
}

function links({ id, reviewed_result: result }) {
  const address = (name) => `/api/sessions/${id}/${name}?language=${document.documentElement.lang}`;
  const file = (form) => h("a", { class: "button", href: address(`report.${form}`), download: "" }, form.toUpperCase());
  // Opens in a tab of its own, whose reader prints it.
  const print = (name, words) => h("a", { class: "button", href: `${address(name)}&show=true`, target: "_blank", rel: "noopener" }, t(words));
  return h("div", { class: "buttons" },
    h("a", { class: "button primary", href: `#/session/${id}/gallery` }, t("result.gallery")),
    result && [print("report.pdf", "result.print"), print("label.pdf", "result.label"), file("pdf"), file("csv"), file("json")],
    h("a", { class: "button", href: `#/history?beside=${id}` }, t("result.compare")));
}

function body(detail, result) {
  const counted = detail.counted_result;
  return [
    result.earlier && h("p", { class: "notice" }, earlier(result)),
    result.interruptions?.length > 0 && h("p", { class: "notice" }, brokenOff(result)),
    h("p", { class: detail.camera_check?.cells > 0 ? "soft" : "notice" }, cameraChecked(detail)),
    quality(result),
    flags(result),
    h("section", { class: "card" },
      h("h2", {}, t("result.differential")),
      h("p", {}, t("result.counted", { counted: number(result.counted), target: number(result.target), ending: t(`ending.${result.ending}`) }),
        detail.reclassified > 0 && ` ${t("result.reclassified", { n: number(detail.reclassified) })}`),
      lookedAt(detail),
      differential(result, counted, rangesOf(detail, "percent")),
      sources(detail),
      h("p", { class: "soft" }, t("result.intervalMeans")),
      uncorrected(counted ?? result)),
    groups(result, rangesOf(detail, "percent")),
    absolute(result, rangesOf(detail, "per-ul")),
    redCells(detail),
    others(result),
    detail.signature && h("section", { class: "card signature" },
      h("h2", {}, t("result.signature")),
      h("p", {}, t("result.signed", { by: detail.signature.by, at: date(detail.signature.at) }), " ", badges(detail.marks)),
      lookedAt(detail),
      detail.signature.comment && h("blockquote", {}, detail.signature.comment),
      h("p", { class: "soft hash" }, `SHA-256 ${detail.signature.sha256}`)),
    force(detail.settings),
    h("p", { class: "soft" }, t("notice")),
  ];
}

// How many cells a person looked at, in all and of each class; unknown for results of versions that did not count them.
function lookedAt({ looked_at: looked, signature }) {
  if (!looked) return null;
  const unseen = looked.of - looked.cells;
  return [
    h("p", {}, t("result.lookedAt", { n: number(looked.cells), of: number(looked.of) })),
    (unseen > 0 && signature || looked.quickly > 0) && h("p", { class: "notice" },
      unseen > 0 && signature && h("b", {}, t("result.signedUnseen", { n: number(unseen), of: number(looked.of) }), " "),
      looked.quickly > 0 && t("result.seenQuickly", { n: number(looked.quickly) })),
    looked.classes && h("p", { class: "soft" }, Object.entries(looked.classes)
      .map(([code, { cells, of }]) => t("result.lookedAtClass", { class: className(code), n: number(cells), of: number(of) })).join("; ")),
  ];
}

// How far the program agrees with people on cells of this camera.
function cameraChecked({ camera_check: check }) {
  if (!check) return t("result.cameraUnknown");
  if (!check.percent) return t("result.cameraUnchecked");
  const [value, low, high] = check.percent;
  return t("result.cameraChecked", { agree: number(check.agree), n: number(check.cells), value: number(value, 1), interval: interval(low, high) });
}

// How quality control stood when it was signed, or that the count is a control itself.
function quality({ quality_control: mark }) {
  if (!mark) return null;
  if (mark.kind === "run") return h("p", { class: "notice" }, t("control.isRun", { lot: lotName({ name: mark.lot, level: mark.level }) }));
  const run = ({ at, outcome, try_number: n, ...lot }) => t(outcome === "failed" ? "control.runFailed" : n > 1 ? "control.runPassedLater" : "control.runPassed", { at: date(at), lot: lotName({ name: lot.lot, level: lot.level }), n: number(n) });
  return h("p", { class: mark.state === "passed" ? "soft" : "notice" },
    mark.state === "failed" ? t("control.notPassed") : mark.state !== "passed" && t("control.notRun"), " ",
    mark.overridden && `${t("control.overridden", { by: mark.overridden.by, reason: mark.overridden.reason })} `,
    mark.runs.map(run).join(" "));
}

function flags(result) {
  if (result.flags.length === 0) return h("p", { class: "soft" }, t("result.noFlags"));
  // Blasts stand above everything else, with their pictures.
  const others = result.flags.filter((flag) => flag !== "blasts");
  if (others.length === 0) return null;
  const evidence = result.statistics?.evidence ?? [];
  return h("section", { class: "card raised", "aria-label": t("result.flags") },
    h("h2", {}, t("result.flags")),
    h("ul", { class: "flags" }, others.map((flag) => h("li", { class: `flag ${flag}` },
      h("b", {}, flagName(flag)), " ", t(`flagMeans.${flag}`), help(`flag-${flag}`),
      evidence.filter((one) => one.flag === flag).map((one) => figure(t(`evidence.${one.of}`), one)),
      flag === "red-cell-morphology" && result.red_cells?.evidence.map((one) => figure(className(one.class), one))))));
}

// A flag can be raised by more than one share; each shows its own figure.
function figure(of, { figure: [value, low, high], limit, beyond_chance: beyond, network_alone: alone }) {
  const words = t(beyond ? "result.evidence" : "result.evidenceChance", { value: number(value, 1), interval: interval(low, high), limit: number(limit, 1) });
  return h("small", { class: "figure" }, t("result.evidenceOf", { of, words }), alone && ` ${t("result.evidenceAlone")}`);
}

function groups(result, ranges) {
  const lines = Object.entries(result.statistics?.groups ?? {});
  if (lines.length === 0) return null;
  return h("section", { class: "card" },
    h("h2", {}, t("result.groups")),
    h("table", { class: "table" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("result.group")), h("th", { scope: "col" }, "%"), h("th", { scope: "col" }, t("result.interval")), rangeHead(ranges), h("td", { class: "drawn" }))),
      h("tbody", {}, lines.map(([group, [value, low, high]]) => h("tr", {},
        h("th", { scope: "row" }, t(`group.${group}`), below(value, low, high)), h("td", {}, number(value, 1)), h("td", { class: "interval" }, interval(low, high)), rangeCell(ranges, group), h("td", { class: "drawn" }, bar(value, low, high)))))));
}

// Counts before the correction to the sample's composition, of the classes where they differ.
function uncorrected({ classes, classes_uncorrected: before }) {
  if (!before || Object.keys(before).length === 0) return null;
  const corrected = Object.fromEntries(classes.map((line) => [line.class, line.count]));
  const differ = [...new Set([...Object.keys(corrected), ...Object.keys(before)])].filter((name) => (corrected[name] ?? 0) !== (before[name] ?? 0)).sort();
  const lines = differ.map((name) => `${t(`class.${name}`)} ${number(before[name] ?? 0)}`).join("; ");
  return lines && h("p", { class: "soft" }, t("result.uncorrected", { lines }));
}

// Cells per microlitre, and what was entered for them.
function absolute(result, ranges) {
  const { absolute: counts, entered = [] } = result.statistics ?? {};
  if (!counts && entered.length === 0) return null;
  const line = (name, [value, low, high], of) => h("tr", {},
    h("th", { scope: "row" }, name), h("td", {}, number(value)), h("td", { class: "interval" }, high > low ? `${number(low)} – ${number(high)}` : ""), rangeCell(ranges, of));
  const from = counts && t(counts.from === "white-count" ? "result.absoluteFromWhite" : "result.absoluteFromRed");
  return h("section", { class: "card", id: "absolute" },
    h("h2", {}, t("result.absolute")),
    entered.map(({ kind, value, by, at }) => h("p", {}, t(`entered.${kind}`, { value: kind === "group" ? value : number(Number(value), value.split(".")[1]?.length ?? 0), by, at: date(at) }))),
    from && h("p", { class: counts.from === "white-count" ? "soft" : "notice" }, from),
    counts && h("table", { class: "table" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("result.class")), h("th", { scope: "col" }, t("result.perUl")), h("th", { scope: "col" }, t("result.interval")), rangeHead(ranges))),
      h("tbody", {}, line(t("result.white"), counts.white),
        result.classes.filter((one) => counts.classes[one.class]).map((one) => line(t(`class.${one.class}`), counts.classes[one.class], one.class)),
        Object.entries(counts.groups).map(([name, three]) => line(t(`group.${name}`), three, name)))));
}

function others(result) {
  const per = result.statistics?.per_red_cell;
  const line = (name, three, digits) => three && h("li", {}, t(name, { value: number(three[0], digits), interval: `${number(three[1], digits)} – ${number(three[2], digits)}` }));
  return h("section", { class: "card" },
    h("h2", {}, t("result.others")),
    h("ul", { class: "plain" },
      h("li", {}, t("live.kinds", { wbc: number(result.kinds.WBC), rbc: number(result.kinds.RBC), plt: number(result.kinds.PLT) })),
      line("result.whitePer1000", per?.WBC_per_1000, 1),
      line("result.plateletsPer1000", per?.PLT_per_1000, 1),
      line("result.whitePerUl", per?.estimates?.WBC_per_ul, 0),
      line("result.whitePerUlWithout", per?.estimates?.WBC_per_ul_without_nucleated_red, 0),
      line("result.plateletsPerUl", per?.estimates?.PLT_per_ul, 0),
      per?.note && h("li", {}, per.note),
      platelets(result.platelets),
      h("li", {}, t("result.frames", { used: number(result.frames.used), refused: number(Object.values(result.frames.refused ?? {}).reduce((a, b) => a + b, 0)) }))));
}

// What the platelets tell beyond their number.
function platelets(report) {
  if (!report) return null;
  const { per_oil_field: field, PLT_per_ul_by_fields: perUl, clumps, in_clumps: held, counted, giant, measured, fields, notes } = report;
  const lines = [
    perUl && t("result.plateletsByFields", { value: number(perUl[0]), interval: `${number(perUl[1])} – ${number(perUl[2])}`, field: number(field[0], 1), n: number(fields) }),
    clumps > 0 && t("result.plateletClumps", { n: number(clumps), held: number(held), of: number(counted) }),
    giant > 0 && t("result.plateletGiants", { n: number(giant), of: number(measured) })];
  const grave = ["platelet-clumps", "giant-platelets"];
  return [lines.filter(Boolean).map((line) => h("li", {}, line)),
    notes.map((note) => h("li", {}, h("p", { class: grave.includes(note) ? "notice" : "soft" }, t(`plateletNote.${note}`))))];
}

// The power cuts during this count, and what they mean for its figures.
function brokenOff({ interruptions, ending }) {
  const cuts = interruptions.map(({ at, cells }) => t("result.cut", { at: date(at), n: number(cells) })).join("; ");
  return t(ending === "power-cut" && interruptions.length === 1 ? "result.partial" : "result.resumed", { cuts });
}

// The result of this sample that was signed before it was counted again.
function earlier({ sample, earlier: { session, by, started, counted } }) {
  return [t("live.earlier", { sample, id: session, by, started: date(started), n: number(counted) }), " ",
    h("a", { href: `#/session/${session}` }, t("live.earlierShow"))];
}

function force(settings) {
  if (!settings) return null;
  const line = (name, value) => [h("dt", {}, t(name)), h("dd", {}, value)];
  return h("details", { class: "card" },
    h("summary", {}, t("result.force")),
    h("dl", {},
      line("settings.version", settings.version),
      line("settings.camera", settings.camera),
      line("settings.calibration", settings.calibration ?? t("settings.noCalibration")),
      Object.entries(settings.models).map(([name, sha256]) => line(`model.${name}`, h("span", { class: "hash" }, sha256))),
      settings.profile ? line("model.profile", t("model.profileOf", { name: settings.profile.name, n: number(settings.profile.cells), sha256: settings.profile.sha256 })) : null));
}
