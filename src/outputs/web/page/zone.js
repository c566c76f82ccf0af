// Times in the station's zone, named, as its reports write them: "2026-11-29 10:12 CET (UTC+1)".

// When each offset began: {from, offset, name}, seconds since 1970, seconds east of UTC, and the words for it.
let parts = [{ from: -Infinity, offset: 0, name: "UTC" }];

export function setZone(zone) {
  if (zone?.length) parts = zone;
}

const partAt = (seconds) => parts.findLast((one) => one.from <= seconds) ?? parts[0];

// A time of the station, to the minute, with the name of its zone.
export function inZone(time) {
  const seconds = new Date(time).getTime() / 1000;
  if (!Number.isFinite(seconds)) return "–";
  const { offset, name } = partAt(seconds);
  return `${new Date((seconds + offset) * 1000).toISOString().slice(0, 16).replace("T", " ")} ${name}`;
}

// The moment at which a day, "2026-11-29", begins at the station, or the day after it.
export function dayBegins(day, later = 0) {
  const wall = new Date(`${day}T00:00:00Z`).getTime() / 1000 + later * 86_400;
  // The offset of the moment itself: the first guess may lie on the other side of a change.
  const guess = wall - partAt(wall).offset;
  return new Date((wall - partAt(guess).offset) * 1000).toISOString();
}
