/* Moments in the viewer's zone, with the exact one, in UTC, on hover. A classic script, for Unfold
   loads it in the head of each page. */
"use strict";
{
  const AGO_MS = 30000;
  const TOLD = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

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

  document.addEventListener("DOMContentLoaded", () => {
    tellTimes(document);
    nameZone();
    setInterval(() => tellTimes(document), AGO_MS);
  });
  document.addEventListener("htmx:load", (event) => tellTimes(event.detail.elt.parentNode || document));
}
