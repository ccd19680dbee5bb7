/* A second press while the first one is on its way would do it twice: replay, publish, make a key. A
   classic script, for Unfold loads it in the head of each page. */
"use strict";
{
  const AGAIN_MS = 5000;
  const sent = new WeakMap();

  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    if (Date.now() - (sent.get(event.target) || 0) < AGAIN_MS) event.preventDefault();
    else sent.set(event.target, Date.now());
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) for (const form of document.forms) sent.delete(form);
  });
}
