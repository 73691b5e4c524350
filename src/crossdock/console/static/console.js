// Keys, theme, and the one chart. Pages work without this file; it only makes them quicker.
(function () {
  "use strict";
  const root = document.documentElement;
  const $ = (selector, from) => (from || document).querySelector(selector);
  const all = (selector, from) => [...(from || document).querySelectorAll(selector)];
  root.classList.add("js");

  // theme: system until chosen; kept in a cookie, so that the server draws the next page in it at once
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const setTheme = (theme) => {
    root.dataset.theme = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
    drawChart();
  };

  // rows: j/k moves, Enter or o opens
  const rows = () => all("[data-row]");
  let at = -1;
  const mark = (index) => {
    const list = rows();
    if (!list.length) return;
    at = Math.max(0, Math.min(index, list.length - 1));
    list.forEach((row, i) => row.classList.toggle("on", i === at));
    const link = $("a[data-open]", list[at]) || $("summary, a", list[at]);
    if (link) link.focus({ preventScroll: true });
    list[at].scrollIntoView({ block: "nearest" });
  };
  const opened = () => { const row = rows()[at]; const link = row && ($("a[data-open]", row) || $("summary", row)); if (link) link.click(); };

  const places = {
    n: "/", o: "/orders", e: "/exceptions", h: "/holds", k: "/stock", m: "/settlements", r: "/reconciliation", c: "/connections",
    s: "/simulators", a: "/audit", p: "/proof", y: "/partner-keys",
  };
  let going = false;
  const help = () => { const dialog = $("#keys"); if (dialog) dialog.open ? dialog.close() : dialog.showModal(); };
  const act = (name) => {
    const details = $(`details[data-act="${name}"]`);
    if (details) { details.open = true; const field = $("textarea, input:not([type=hidden]), button", details); if (field) field.focus(); return; }
    const link = $(`.on [data-key="${name}"]`) || $(`[data-key="${name}"]`);
    if (link) { link.focus(); if (!link.matches("[data-asks]")) link.click(); }
  };
  // letters as keys can be turned off, for who speaks to the browser or hits keys by chance; kept on this browser
  const letters = $("#letters");
  const setLetters = (on) => {
    root.dataset.letters = on ? "on" : "off";
    try { localStorage.setItem("letters", root.dataset.letters); } catch { /* not kept, where nothing may be */ }
  };
  try { root.dataset.letters = localStorage.getItem("letters") || "on"; } catch { root.dataset.letters = "on"; }
  if (letters) {
    letters.checked = root.dataset.letters === "on";
    letters.addEventListener("change", () => setLetters(letters.checked));
  }
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      const open = $("details.act[open]");
      if (open) { open.open = false; $("summary", open).focus(); }
      else if (typing(event.target)) event.target.blur();
      return;
    }
    if (typing(event.target) || root.dataset.letters === "off") return;
    if (event.repeat && !["j", "k"].includes(event.key)) return;  // a key that is held asks once, and agrees to nothing
    if (going) {
      going = false;
      const link = places[event.key] && $(`.bar nav a[href="${places[event.key]}"]`);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    const keys = {
      "/": () => $("#find").focus(), "?": help, g: () => { going = true; setTimeout(() => { going = false; }, 1200); },
      j: () => mark(at + 1), k: () => mark(at - 1), o: opened,
      r: () => act("retry"), x: () => act("cancel"), h: () => act("release_hold"), p: () => act("pause"),
      t: () => setTheme(dark() ? "light" : "dark"),
    };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-do]");
    if (target && target.dataset.do === "theme") setTheme(dark() ? "light" : "dark");
    if (target && target.dataset.do === "keys") help();
    all("details.act[open]").forEach((open) => { if (!open.contains(event.target)) open.open = false; });
  });
  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("button[type=submit], button:not([type])");
    if (button) setTimeout(() => { button.disabled = true; }, 0);
  });

  // live parts: not while hidden, and never under somebody's hands
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.target;
    if (!part.matches || !part.matches("[data-live]")) return;
    const busy = part.querySelector("details[open]") || (part.contains(document.activeElement) && typing(document.activeElement));
    if (document.hidden || busy) event.preventDefault();
  });
  // … nor is the focus lost to what is drawn anew: it goes to what has the same id, or the same place below one
  const nameOf = (element) => {
    const steps = [];
    for (let each = element; each.parentElement; each = each.parentElement) {
      if (each.id) return [`#${CSS.escape(each.id)}`, ...steps].join(" > ");
      const kin = [...each.parentElement.children].filter((other) => other.tagName === each.tagName);
      steps.unshift(`${each.tagName}:nth-of-type(${kin.indexOf(each) + 1})`);
    }
    return "";
  };
  let focused = "";
  document.addEventListener("htmx:beforeSwap", (event) => {
    const held = document.activeElement;
    focused = event.target.contains(held) ? nameOf(held) : "";
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (focused && document.activeElement === document.body) ($(focused) || $("#main")).focus({ preventScroll: true });
    focused = "";
  });
  // … and what is news in them is read out once, not with every drawing
  const news = () => all("[data-live] [data-told]").map((note) => note.textContent);
  let told = news();
  document.addEventListener("htmx:afterSettle", () => {
    const now = news(), fresh = now.filter((text) => !told.includes(text));
    if (fresh.length) $("#told").textContent = fresh.join(" ");
    told = now;
  });
  // what asks by itself says so: only what a person does keeps the session
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.matches("[data-live]")) event.detail.headers["X-Live"] = "1";
  });
  // … and it is said when they are no longer live: old figures look like good ones
  const stale = (event, yes) => {
    const note = $("#stale"), part = event.detail.elt;
    if (note && part && part.matches("[data-live]")) note.hidden = !yes;
  };
  document.addEventListener("htmx:sendError", (event) => stale(event, true));
  let kept = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const row = rows()[at];
    kept = row && row.id;
    if (event.detail.xhr.status < 400) stale(event, false);
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (kept) { at = rows().findIndex((row) => row.id === kept); if (at >= 0) rows()[at].classList.add("on"); }
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) location.reload(); else stale(event, true);
  });

  // times are UTC, as in every log; under the pointer also as this browser's own
  document.addEventListener("pointerover", (event) => {
    const time = event.target.closest && event.target.closest("time[datetime]");
    if (!time || time.dataset.here) return;
    time.dataset.here = new Date(time.dateTime).toLocaleString();
    time.title += `\n${time.dataset.here} here`;
  });

  // the chart: arrivals and calls per minute
  let chart = null, seen = null;
  const minutes = (history) => {
    const now = Math.floor(Date.now() / 60000) * 60, from = now - 59 * 60;
    const xs = Array.from({ length: 60 }, (_, i) => from + i * 60);
    const read = (list, field) => { const by = new Map(list.map((m) => [Date.parse(m.at) / 1000, m[field]])); return xs.map((x) => by.get(x) || 0); };
    return [xs, read(history.accepted, "n"), read(history.calls, "n"), read(history.calls, "failed")];
  };
  function drawChart() {
    const box = $("#chart");
    if (!box || !seen || !window.uPlot) return;
    const css = getComputedStyle(root), v = (name) => css.getPropertyValue(name).trim();
    if (chart) chart.destroy();
    const axis = { stroke: v("--ink-3"), font: `11.5px ${v("--sans")}`, grid: { stroke: v("--line"), width: 1 }, ticks: { show: false } };
    const line = (label, color, fill) => ({ label, stroke: color, width: 1.75, fill, points: { show: false } });
    chart = new uPlot({
      width: box.clientWidth - 24, height: 174, cursor: { y: false }, padding: [8, 26, 0, 0],
      scales: { y: { range: (_, __, max) => [0, Math.max(4, max * 1.1)] } },
      axes: [{ ...axis, size: 26, grid: { show: false }, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false })) },
        { ...axis, size: 44, space: 34 }],
      series: [{}, line("accepted", v("--accent"), v("--accent-soft")), line("calls", v("--good-mark")), line("failed", v("--bad-mark"))],
    }, minutes(seen), box);
  }
  async function readChart() {
    if (document.hidden) return;
    const answer = await fetch("/api/v1/now/history", { headers: { accept: "application/json", "x-live": "1" } });
    if (!answer.ok) return;
    seen = (await answer.json()).minutes;
    if (chart) chart.setData(minutes(seen)); else drawChart();
  }
  if ($("#chart")) {
    readChart();
    setInterval(readChart, 10000);
    addEventListener("resize", drawChart);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawChart);
  }
})();
