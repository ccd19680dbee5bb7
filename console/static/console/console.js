/* What all pages of the admin have: keys, dialogs, and polls.
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

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-show-keys]")) showHelp();
    /* Dialogs: a button that opens one by its id, and one in it that closes it. */
    const opens = event.target.closest?.("[data-opens]");
    if (opens) document.getElementById(opens.dataset.opens).showModal();
    if (event.target.closest?.("[data-closes]")) event.target.closest("dialog").close();
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
    if (window.location.hash === "#search") document.querySelector("[data-search]")?.focus();
  });
}
