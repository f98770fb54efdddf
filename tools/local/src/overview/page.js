// Shows the state of the stack and follows it. All values are set as text, never as HTML.
const INTERVAL_MS = 1000;
/** The keys of the details that are open. They stay open when the page is drawn again. */
const open = new Set();

function node(name, className, ...children) {
  const element = document.createElement(name);
  element.className = className;
  element.append(...children);
  return element;
}

function details(key, summary, ...body) {
  // Lines break at the spaces.
  const element = node("details", "", node("summary", "", ...summary.flatMap((part) => [part, " "])), ...body);
  element.open = open.has(key);
  element.addEventListener("toggle", () => (element.open ? open.add(key) : open.delete(key)));
  return element;
}

function json(value) {
  return node("pre", "", JSON.stringify(value, null, 2));
}

/** The beginning of a value, on one line. */
function preview(value) {
  return node("code", "preview", JSON.stringify(value));
}

function fill(selector, elements, otherwise) {
  const content = elements.length > 0 ? elements : [node("p", "", otherwise)];
  document.querySelector(selector).replaceChildren(...content);
}

function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** A log line without `_aws`, which only tells CloudWatch which fields are metrics. */
function logLine(line) {
  if (typeof line === "string") return node("pre", "", line);
  const { _aws, ...fields } = line;
  return json(fields);
}

function request({ id, time, method, path, status, milliseconds, function: name, note, lines }) {
  const color = status === null || status >= 500 ? "bad" : status >= 400 ? "warn" : "good";
  const waiting = milliseconds === null;
  const answered = lines.find((line) => line.status !== undefined);
  const summary = [
    node("strong", waiting ? "faint" : color, String(status ?? (waiting ? "…" : "---"))),
    node("strong", "", method),
    node("span", "", path),
    node("span", "faint time", waiting ? "" : `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`),
    node("span", "faint", name ?? "gateway"),
  ];
  if (answered?.ColdStarts) summary.push(node("span", "faint", "cold"));
  if (answered?.Replays) summary.push(node("span", "faint", "replayed"));
  const reason = [answered?.error, answered?.causes].filter(Boolean).join(": ") || note;
  if (reason) summary.push(node("span", color === "good" ? "faint" : color, reason));
  const at = new Date(time).toLocaleTimeString();
  return details(`request ${id}`, summary, node("p", "", `${at}, request ${id}`), ...lines.map(logLine));
}

/** The plain form of a value in DynamoDB's JSON. */
function plain(value) {
  if (value.M) return item(value.M);
  return value.L ? value.L.map(plain) : Object.values(value)[0];
}

function item(attributes) {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, plain(value)]));
}

function table({ name, keys, items, has_more }) {
  const shown = items.map(item).map((one) => {
    // As JSON, because the keys of claims on audiences contain a control character.
    const key = JSON.stringify(keys.map((key) => one[key]).join(" ")).slice(1, -1);
    return [key, details(`item ${name} ${key}`, [node("code", "", key), preview(one)], json(one))];
  });
  shown.sort(([a], [b]) => (a < b ? -1 : 1));
  const size = count(items.length, "item") + (has_more ? ", and more" : "");
  return [node("h3", "", name, node("span", "faint", ` ${size}`)), ...shown.map(([, element]) => element)];
}

function room({ room, events }) {
  const summary = [
    node("code", "", room.id),
    node("span", "faint", `${room.audience}, ${count(events.length, "event")}`),
  ];
  if (room.tags) summary.push(preview(room.tags));
  const shown = events.map(({ event, data }) =>
    details(`event ${event.id}`, [node("strong", "", event.type), preview(data)], json(event)),
  );
  return details(`room ${room.id}`, summary, json(room), ...shown);
}

function token({ tenant, audience, token: text }) {
  const button = node("button", "", "Copy");
  button.ariaLabel = `Copy the token of ${tenant}`;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  });
  const line = [node("strong", "", tenant), " ", node("span", "faint", audience), " ", button];
  return node("div", "token", ...line, node("code", "preview", text));
}

async function load(name) {
  const answer = await fetch(`/_local/${name}.json`);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.text();
}

function draw({ log, rooms, tables }) {
  fill("#requests .content", log.requests.reverse().map(request), "None yet. Try a command that cargo local printed.");
  fill("#requests .others", log.lines.reverse().map(logLine), "None.");
  const none = rooms ? "None yet." : "The rooms of a real event service can't be listed.";
  fill("#rooms .content", (rooms ?? []).map(room), none);
  fill("#tables .content", tables.flatMap(table), "None.");
}

let drawn;
async function follow() {
  const state = document.getElementById("state");
  try {
    if (!document.hidden) {
      const text = await load("state");
      if (text !== drawn) draw(JSON.parse(text));
      drawn = text;
      state.textContent = "running";
      state.className = "";
    }
  } catch (error) {
    state.textContent = error instanceof TypeError ? "The stack is not running." : error.message;
    state.className = "bad";
  }
  setTimeout(follow, INTERVAL_MS);
}

follow();
load("tokens").then((text) => fill("#tokens .content", JSON.parse(text).map(token), "None."));
