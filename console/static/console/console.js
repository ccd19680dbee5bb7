/* What all pages of the admin have: keys, times in the viewer's zone, copying, and polls.
   A classic script, for Unfold loads it in the head of each page. */
"use strict";
{
  const PLACES = {
    h: ["/admin/", "Home"],
    d: ["/admin/definitions/", "Definitions"],
    r: ["/admin/records/", "Records"],
    l: ["/admin/health/", "Destinations' health"],
    t: ["/admin/try/", "Try it"],
  };
  const CHORD_MS = 1500;
  const AGO_MS = 30000;
  const TOLD_MS = 2500;
  const AGAIN_MS = 5000;
  const TOLD = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  /* Times. */

  const whole = new Intl.DateTimeFormat("en-GB", {
    year: "numeric", month: "2-digit", day: "2-digit",
    hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
  });
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

  function inZone(moment) {
    const part = Object.fromEntries(whole.formatToParts(moment).map((one) => [one.type, one.value]));
    return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}`;
  }

  function sinceThen(moment) {
    const seconds = (moment - Date.now()) / 1000;
    const [unit, length] = UNITS.find((one) => Math.abs(seconds) >= one[1]) || UNITS.at(-1);
    return relative.format(Math.trunc(seconds / length), unit);
  }

  const FORMS = { ago: sinceThen, clock: (moment) => inZone(moment).slice(11, 16) };

  /* Django's admin tells moments as text, which is in UTC. */
  function findMoments(root) {
    for (const cell of root.querySelectorAll("#result_list td, #result_list th, .readonly")) {
      const text = cell.childElementCount ? "" : cell.textContent.trim();
      if (!TOLD.test(text)) continue;
      const time = document.createElement("time");
      time.className = "wb-time";
      time.dateTime = `${text.replace(" ", "T")}Z`;
      time.title = `${text} UTC`;
      time.dataset.time = "";
      cell.replaceChildren(time);
    }
  }

  function tellTimes(root) {
    findMoments(root);
    for (const time of root.querySelectorAll("time[data-time]")) {
      const moment = new Date(time.dateTime);
      time.textContent = (FORMS[time.dataset.time] || inZone)(moment);
    }
  }

  /* Moments that are typed are of the viewer's zone; an address that was passed on keeps the zone in
     which its own were meant. */
  function nameZone() {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    for (const input of document.querySelectorAll("input[data-zone]")) {
      input.value ||= timeZone || "UTC";
      for (const name of document.querySelectorAll("[data-zone-name]")) name.textContent = input.value;
    }
  }

  /* Keys. */

  function isTyping(target) {
    return target instanceof Element
      && (target.closest("input, textarea, select, dialog[open]") !== null || target.isContentEditable);
  }

  /* A page without a search of its own leads to that of the records. */
  function goToSearch() {
    const search = document.querySelector("[data-search], #searchbar");
    if (search) {
      search.focus();
      search.select();
    } else {
      window.location.assign(`${PLACES.r[0]}#search`);
    }
  }

  function makeHelp() {
    const dialog = document.createElement("dialog");
    dialog.id = "wb-help";
    dialog.className = "wb-dialog";
    dialog.setAttribute("aria-labelledby", "wb-help-title");
    const title = document.createElement("h2");
    title.id = "wb-help-title";
    title.textContent = "Keys";
    const list = document.createElement("dl");
    list.className = "wb-keys";
    const keys = Object.entries(PLACES).map(([key, [, name]]) => [["g", key], name]);
    for (const [chord, name] of [[["/"], "Search"], ...keys, [["?"], "This list"], [["Esc"], "Close"]]) {
      const term = document.createElement("dt");
      for (const key of chord) {
        term.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ");
      }
      list.append(term, Object.assign(document.createElement("dd"), { textContent: name }));
    }
    const close = Object.assign(document.createElement("button"), {
      type: "button", className: "wb-button", textContent: "Close",
    });
    close.addEventListener("click", () => dialog.close());
    dialog.append(title, list, close);
    document.body.append(dialog);
    return dialog;
  }

  function showHelp() {
    (document.getElementById("wb-help") || makeHelp()).showModal();
  }

  let chordUntil = 0;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const place = Date.now() < chordUntil ? PLACES[event.key] : undefined;
    chordUntil = 0;
    if (place) {
      event.preventDefault();
      window.location.assign(place[0]);
    } else if (event.key === "g") {
      chordUntil = Date.now() + CHORD_MS;
    } else if (event.key === "?") {
      event.preventDefault();
      showHelp();
    } else if (event.key === "/") {
      event.preventDefault();
      goToSearch();
    }
  });

  /* Copying: the text of data-copy, or of what it names by an id ("#secret"). */

  async function copy(button) {
    const named = button.dataset.copy.startsWith("#") && document.querySelector(button.dataset.copy);
    const label = button.textContent;
    /* Without TLS, or where it is forbidden, a script has no clipboard: it is marked. */
    try {
      await navigator.clipboard.writeText(named ? named.textContent.trim() : button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      if (named) window.getSelection().selectAllChildren(named);
      button.textContent = named ? "Marked: press Ctrl+C" : "This browser does not copy";
    }
    setTimeout(() => { button.textContent = label; }, TOLD_MS);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) copy(button);
    if (event.target.closest?.("[data-show-keys]")) showHelp();
    /* Dialogs: a button that opens one by its id, and one in it that closes it. */
    const opens = event.target.closest?.("[data-opens]");
    if (opens) document.getElementById(opens.dataset.opens).showModal();
    if (event.target.closest?.("[data-closes]")) event.target.closest("dialog").close();
  });

  /* A second press while the first one is on its way would do it twice: replay, publish, link. */

  const sent = new WeakMap();

  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    if (Date.now() - (sent.get(event.target) || 0) < AGAIN_MS) event.preventDefault();
    else sent.set(event.target, Date.now());
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) for (const form of document.forms) sent.delete(form);
  });

  /* What htmx asks for by itself (a poll, a first load) is nobody's use of the session. */

  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.triggeringEvent?.isTrusted) event.detail.headers["X-Waybill-Poll"] = "1";
  });

  /* What is out of reach by now (the row has gone, or a permission): the page says so, and asks no more. */

  document.addEventListener("htmx:responseError", ({ detail }) => {
    const isGone = detail.xhr.status === 403 || detail.xhr.status === 404;
    if (isGone && detail.elt.matches("[hx-trigger^='every ']")) window.location.reload();
  });

  document.addEventListener("DOMContentLoaded", () => {
    tellTimes(document);
    nameZone();
    if (window.location.hash === "#search") document.querySelector("[data-search]")?.focus();
    setInterval(() => tellTimes(document), AGO_MS);
  });
  document.addEventListener("htmx:load", (event) => tellTimes(event.detail.elt.parentNode || document));
}
