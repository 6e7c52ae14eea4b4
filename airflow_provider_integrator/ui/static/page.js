"use strict";

// Airflow shows this page in a frame of its own origin; opened by itself, the page is its own parent.
const outer = window.parent.document;

// Light or dark, as Airflow is: before the first paint, and whenever it changes.
function mirrorTheme() {
  const classes = outer === document ? null : outer.documentElement.classList;
  const isDark = classes ? classes.contains("dark") : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.classList.toggle("dark", isDark);
}
mirrorTheme();
if (outer !== document) new MutationObserver(mirrorTheme).observe(outer.documentElement, { attributeFilter: ["class"] });

// Times in the zone that is chosen in Airflow, or else the browser's.
function chosenZone() {
  let zone = (localStorage.getItem("timezone") || "").replaceAll('"', "");
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
  } catch {
    zone = "";
  }
  return zone || undefined;
}

function localise(part) {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: chosenZone(), dateStyle: "short", timeStyle: "medium" });
  for (const time of part.querySelectorAll("time")) {
    time.title = time.dateTime;
    time.textContent = format.format(new Date(time.dateTime));
  }
}

// Overview: search, filter and sort what is there. The state outlives a refresh, and a look at another page.
const view = {
  text: "",
  show: "",
  sort: null,
  isDescending: false,
  ...JSON.parse(sessionStorage.getItem("integrator-view") || "{}"),
};

function restoreView() {
  const search = document.getElementById("search");
  if (!search) return;
  search.value = view.text;
  for (const choice of document.getElementsByName("show")) choice.checked = choice.value === view.show;
}

function showRows() {
  const table = document.getElementById("flows");
  if (!table) return;
  sessionStorage.setItem("integrator-view", JSON.stringify(view));
  const rows = [...table.tBodies[0].rows];
  const words = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.dataset.text.toLowerCase();
    const flags = row.dataset.flags.split(" ");
    const wanted = view.show === "failing" ? ["failing", "unread"] : [view.show];
    row.hidden = !words.every((word) => text.includes(word)) || (view.show && !wanted.some((flag) => flags.includes(flag)));
    shown += row.hidden ? 0 : 1;
  }
  document.getElementById("shown").textContent = shown === rows.length ? "" : `${shown} shown`;
  document.getElementById("none").hidden = shown > 0;
  for (const head of table.tHead.rows[0].cells) {
    const isSorted = head.dataset.sort === view.sort;
    if (isSorted) head.setAttribute("aria-sort", view.isDescending ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  if (!view.sort) return;
  const key = (row) => row.dataset[view.sort];
  const isText = view.sort === "name" || view.sort === "schedule";
  const compare = isText ? (a, b) => key(a).localeCompare(key(b)) : (a, b) => key(a) - key(b);
  rows.sort((a, b) => (view.isDescending ? compare(b, a) : compare(a, b)));
  table.tBodies[0].append(...rows);
}

// What the frame's sandbox keeps from it is done by the page around it.
function openOutside(link) {
  const copy = outer.createElement("a");
  copy.href = link.href;
  if (link.hasAttribute("data-download")) copy.download = "";
  else copy.target = "_blank";
  copy.rel = "noopener noreferrer";
  outer.body.append(copy);
  copy.click();
  copy.remove();
}

async function fetchMain(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(60000) });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.getElementById("main");
  if (!main) throw new Error("no page");
  return main;
}

function say(text, isBad) {
  const updated = document.getElementById("updated");
  if (!updated) return;
  updated.textContent = text;
  updated.classList.toggle("bad", Boolean(isBad));
}

let timer = 0;
const loaded = new Map();

function clock() {
  return new Date().toLocaleTimeString("sv-SE", { timeZone: chosenZone() });
}

async function refresh() {
  const checkbox = document.getElementById("refresh");
  const main = document.getElementById("main");
  if (document.hidden || (checkbox && !checkbox.checked) || main.querySelector("input:focus, select:focus")) return schedule();
  try {
    const fresh = await fetchMain(location.href);
    if (!checkbox && !fresh.querySelector(".message")) return location.reload();
    const focused = main.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    main.replaceChildren(...fresh.childNodes);
    if (focused) [...main.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    prepare(main);
    const failed = main.querySelector(".message");
    say(failed ? `Not updated at ${clock()}` : `Updated ${clock()}`, failed);
  } catch {
    say(`Not updated at ${clock()}: Airflow doesn't answer`, true);
  }
  schedule();
}

function schedule() {
  clearTimeout(timer);
  const seconds = Number(document.getElementById("main").dataset.refresh);
  if (seconds) timer = setTimeout(refresh, seconds * 1000);
}

async function load(part) {
  const address = part.dataset.load;
  if (!loaded.has(address)) {
    part.textContent = "Reading the log …";
    try {
      loaded.set(address, await fetchMain(address));
    } catch {
      part.textContent = "The log can't be read now.";
      return;
    }
  }
  part.replaceChildren(...loaded.get(address).cloneNode(true).childNodes);
}

function prepare(part) {
  localise(part);
  showRows();
  for (const each of part.querySelectorAll("[data-load]")) load(each);
}

document.addEventListener("DOMContentLoaded", () => {
  const main = document.getElementById("main");
  const checkbox = document.getElementById("refresh");
  if (checkbox && !main.dataset.refresh) checkbox.closest("label").hidden = true;
  restoreView();
  prepare(main);
  if (checkbox && main.dataset.refresh) say(`Updated ${clock()}`);
  schedule();
});

document.addEventListener("input", ({ target }) => {
  if (target.id === "search") view.text = target.value;
  else if (target.name === "show") view.show = target.value;
  else return;
  showRows();
});

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-go]") && target.value) location.assign(target.value);
  if (target.id === "refresh" && target.checked) refresh();
});

document.addEventListener("click", async (event) => {
  const { target } = event;
  const cell = target.closest("rect[data-e]");
  const strip = target.closest("[data-execution]");
  const head = target.closest("th[data-sort]");
  const link = target.closest("a[data-outside], a[data-download]");
  const copy = target.closest("[data-copy]");
  if (cell && strip) {
    event.preventDefault();
    location.assign(strip.dataset.execution + encodeURIComponent(cell.dataset.e));
  } else if (head) {
    view.isDescending = view.sort === head.dataset.sort ? !view.isDescending : !["name", "schedule", "rank"].includes(head.dataset.sort);
    view.sort = head.dataset.sort;
    showRows();
  } else if (link && outer !== document) {
    event.preventDefault();
    openOutside(link);
  } else if (copy) {
    const text = document.getElementById(copy.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
      copy.textContent = "Selected: press Ctrl-C";
    }
  }
});
