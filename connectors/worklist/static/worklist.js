// Keeps a page fresh without moving anything under a hand, says loudly when it cannot, and rings for a new emergency.
// What rings, and when, is decided as in connectors/worklist/bell.py.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const fresh = byId("fresh");
  const lost = byId("lost");
  const standing = byId("standing");
  const announce = byId("announce");
  const soundOff = byId("sound-off");
  const plainTitle = document.title;
  const pointerHoldsMs = 15000; // a pointer that has not moved for so long no longer holds the list
  const focusHoldsMs = 120000; // a person who reads before answering; a form left alone must not freeze a board
  const answerWithinMs = 8000;
  const lostAfterMs = 12000;

  let waitingList = null; // the newest list, while a hand holds the old one
  let updatedAt = performance.now();
  let movedAt = -Infinity;
  let inside = false;
  let asking = false;
  let isLost = false;

  // --- a list that stands still under a hand -------------------------------------------------------------------

  const isHeld = () => {
    const stillFor = performance.now() - movedAt;
    const reading = byId("list").contains(document.activeElement) || !document.getSelection().isCollapsed;
    return (inside && stillFor < pointerHoldsMs) || (reading && stillFor < focusHoldsMs);
  };

  const keepWhatIsTyped = (before, after) => {
    before.querySelectorAll("details[id][open]").forEach((old) => {
      const now = after.querySelector("#" + CSS.escape(old.id));
      if (now) now.open = true;
    });
    before.querySelectorAll("input[id], select[id]").forEach((old) => {
      const now = after.querySelector("#" + CSS.escape(old.id));
      if (now && old.value !== "") now.value = old.value;
    });
    before.querySelectorAll(".table").forEach((old, number) => {
      const now = after.querySelectorAll(".table")[number];
      if (now && old.scrollLeft) requestAnimationFrame(() => { now.scrollLeft = old.scrollLeft; });
    });
  };

  const saying = (list) => {
    const copy = list.cloneNode(true);
    copy.querySelectorAll(".age").forEach((age) => age.remove());
    return copy.textContent.replace(/\s+/g, " ");
  };

  // The focused element, also one without an id of its own: by its place in the row that has one.
  const placeOfFocus = (list) => {
    const focused = document.activeElement;
    if (!list.contains(focused)) return null;
    const home = focused.closest("[id]");
    const ways = home === focused ? -1 : [...home.querySelectorAll("*")].indexOf(focused);
    return { id: home.id, ways };
  };

  const focusAgain = (place) => {
    const home = place && byId(place.id);
    const target = home && (place.ways < 0 ? home : home.querySelectorAll("*")[place.ways]);
    if (target) target.focus({ preventScroll: true });
  };

  const showList = (list) => {
    const before = byId("list");
    const place = placeOfFocus(before);
    keepWhatIsTyped(before, list);
    before.replaceWith(list);
    focusAgain(place);
    waitingList = null;
    standing.hidden = true;
  };

  // --- what is new ------------------------------------------------------------------------------------------------

  const openNow = (list) => new Map([...list.querySelectorAll("[data-open]")].map((row) => [row.dataset.key, row.dataset.open]));
  let open = openNow(byId("list"));
  const rung = new Set();
  let armedFor = null; // the connection on which the inbox was read up to its head

  const hear = (list) => {
    if (list.dataset.caughtUp === "yes") armedFor = list.dataset.since;
    if (armedFor === null || armedFor !== list.dataset.since) return [];
    const news = [...list.querySelectorAll("[data-rings]")].filter((row) => !rung.has(row.dataset.key));
    news.forEach((row) => rung.add(row.dataset.key));
    return news.map((row) => row.dataset.rings);
  };

  const tell = (list) => {
    const stat = hear(list);
    const openAfter = openNow(list);
    const others = [...openAfter].filter(([key, code]) => !open.has(key) && !stat.includes(code)).map(([, code]) => code);
    open = openAfter;
    const words = [];
    if (stat.length) words.push(`${announce.dataset.stat}: ${stat.join(", ")}`);
    if (others.length) words.push(`${announce.dataset.case}: ${others.join(", ")}`);
    if (words.length) announce.textContent = words.join(". ");
    if (stat.length) ring();
  };

  const showTitle = () => {
    const waiting = Number((waitingList || byId("list")).dataset.waiting);
    document.title = `${isLost ? "⚠ " : ""}${waiting ? `(${waiting}) ` : ""}${plainTitle}`;
  };

  // --- sound ------------------------------------------------------------------------------------------------------

  let audio = null;
  const isSoundOn = () => audio !== null && audio.state === "running";

  const tone = (from, hertz) => {
    const source = audio.createOscillator();
    const volume = audio.createGain();
    source.frequency.value = hertz;
    volume.gain.setValueAtTime(0.0001, from);
    volume.gain.exponentialRampToValueAtTime(0.5, from + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, from + 0.28);
    source.connect(volume).connect(audio.destination);
    source.start(from);
    source.stop(from + 0.3);
  };

  const ring = () => {
    if (!isSoundOn()) return;
    [0, 0.35, 0.7, 1.4, 1.75, 2.1].forEach((after, number) => tone(audio.currentTime + after, number % 3 === 2 ? 1175 : 880));
  };

  const showSound = () => {
    if (!soundOff) return;
    soundOff.hidden = isSoundOn();
    byId("sound-is-on").hidden = !isSoundOn();
  };

  const turnOn = async () => {
    audio = audio || new AudioContext();
    audio.onstatechange = showSound;
    await audio.resume();
    ring();
    showSound();
    if (isSoundOn()) byId("sound-test").focus();
  };

  if (soundOff) {
    byId("sound-on").addEventListener("click", turnOn);
    byId("sound-test").addEventListener("click", ring);
  }

  // --- asking again and again ------------------------------------------------------------------------------------

  const showLost = (locked) => {
    if (!isLost) announce.textContent = lost.dataset.lost;
    isLost = true;
    lost.textContent = locked ? `${lost.dataset.lost} ${lost.dataset.locked}` : lost.dataset.lost;
    lost.hidden = false;
    const light = byId("page-light");
    light.className = "light bad";
    light.querySelector(".says").textContent = `${fresh.dataset.lost}; ${fresh.dataset.ok}`;
    showTitle();
  };

  const take = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    const lights = page.getElementById("lights");
    const list = page.getElementById("list");
    if (!lights || !list) return false;
    byId("lights").replaceWith(lights);
    tell(list);
    isLost = false;
    lost.hidden = true;
    updatedAt = performance.now();
    if (isHeld()) {
      const same = saying(list) === saying(byId("list"));
      waitingList = same ? null : list;
      standing.hidden = same;
    } else {
      showList(list);
    }
    showTitle();
    return true;
  };

  const refresh = async () => {
    if (asking) return;
    asking = true;
    let locked = false;
    try {
      const options = { credentials: "same-origin", cache: "no-store", redirect: "error", signal: AbortSignal.timeout(answerWithinMs) };
      const answer = await fetch(fresh.dataset.fresh, options);
      locked = answer.status === 401;
      if (!answer.ok || !take(await answer.text())) throw new Error("no page");
    } catch {
      if (locked || isLost || performance.now() - updatedAt > lostAfterMs) showLost(locked);
    } finally {
      asking = false;
      showSound();
    }
  };

  document.addEventListener("pointermove", (event) => { movedAt = performance.now(); inside = byId("list").contains(event.target); });
  document.addEventListener("pointerdown", (event) => { movedAt = performance.now(); inside = byId("list").contains(event.target); });
  document.addEventListener("keydown", () => { movedAt = performance.now(); });
  document.documentElement.addEventListener("pointerleave", () => { inside = false; });
  byId("show").addEventListener("click", () => { if (waitingList) showList(waitingList); });

  hear(byId("list")); // what stands here when the page is opened is before somebody's eyes
  showSound();
  showTitle();
  new Worker(fresh.dataset.ticker).addEventListener("message", refresh);
})();
