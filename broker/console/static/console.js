// Keeps a page fresh without moving anything under a hand: nothing is replaced while the pointer or the focus is in it.
"use strict";

(() => {
  const main = document.getElementById("main");
  const lost = document.getElementById("lost");
  const pause = document.getElementById("pause");
  const search = document.getElementById("q");
  const everyMs = Number(main.dataset.live) * 1000;
  const stillMs = 15000; // a pointer that has not moved for so long no longer holds the page
  let paused = false;
  let movedAt = -Infinity;
  let inside = false;

  const isHeld = () => {
    const focused = document.activeElement;
    const reading = focused !== main && main.contains(focused);
    const selecting = !document.getSelection().isCollapsed;
    return reading || selecting || (inside && performance.now() - movedAt < stillMs);
  };

  const refresh = async () => {
    if (paused || isHeld()) return;
    let fresh = null;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store", redirect: "error" });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        fresh = page.getElementById("main");
      }
    } catch {
      fresh = null;
    }
    lost.hidden = fresh !== null;
    if (fresh === null || isHeld()) return;
    const places = [...main.querySelectorAll(".table")].map((table) => table.scrollLeft);
    main.replaceChildren(...fresh.childNodes);
    main.querySelectorAll(".table").forEach((table, number) => { table.scrollLeft = places[number] || 0; });
    showCopyButtons();
  };

  const showCopyButtons = () => {
    if (!navigator.clipboard) return;
    main.querySelectorAll("button[data-copy]").forEach((button) => { button.hidden = false; });
  };

  main.addEventListener("pointermove", () => { inside = true; movedAt = performance.now(); });
  main.addEventListener("pointerleave", () => { inside = false; });
  main.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const label = button.textContent;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = main.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 1500);
  });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    search.focus();
  });

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    const other = pause.dataset.resume;
    pause.dataset.resume = pause.textContent;
    pause.textContent = other;
    pause.setAttribute("aria-pressed", String(paused));
  });

  showCopyButtons();
  setInterval(refresh, everyMs);
})();
