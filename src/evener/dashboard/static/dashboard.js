// What a page does of itself: shows what has changed, takes the wizard step by step, copies commands.
// Every page works without it. It makes no markup: what it puts into a page comes whole from the server.
"use strict";

const words = document.body.dataset; // in the reader's language
const connection = document.getElementById("connection");
const say = (text) => { if (connection.textContent !== text) connection.textContent = text; };

// What is as it was stays where it is: the focus, a selection. What has an address is never made into something else.
const isAlike = (one, other) => one.nodeType === Node.ELEMENT_NODE && one.nodeName === other.nodeName
  && ["id", "href"].every((each) => one.getAttribute(each) === other.getAttribute(each));
const become = (part, wanted) => {
  const was = [...part.childNodes], texts = was.map((each) => each.outerHTML);
  let from = 0, changed = [];
  const settle = (to) => {
    const olds = was.slice(from, to);
    changed.forEach((each, place) => {
      const old = olds[place];
      if (!old) part.insertBefore(each, was[to] ?? null);
      else if (!isAlike(old, each)) old.replaceWith(each);
      else {
        for (const { name } of [...old.attributes]) if (!each.hasAttribute(name)) old.removeAttribute(name);
        for (const { name, value } of each.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
        become(old, each);
      }
    });
    olds.slice(changed.length).forEach((each) => each.remove());
    from = to + 1;
    changed = [];
  };
  for (const each of [...wanted.childNodes]) {
    const same = each.outerHTML ? texts.indexOf(each.outerHTML, from) : -1;
    if (same < 0) changed.push(each); else settle(same);
  }
  settle(was.length);
};
const put = (part, event) => {
  const wanted = new DOMParser().parseFromString(JSON.parse(event.data), "text/html").body;
  for (const each of wanted.querySelectorAll("[data-kept]")) { // it comes for itself
    each.replaceChildren(...[...document.getElementById(each.id)?.childNodes ?? []].map((node) => document.importNode(node, true)));
  }
  become(part, wanted);
};

// Nothing moves between a button's way down and up: a click on what has been replaced is none.
let isHeld = false;
const waiting = new Map();
const later = (name, work) => { if (isHeld) waiting.set(name, work); else work(); };
const release = () => {
  isHeld = false;
  for (const work of waiting.values()) work();
  waiting.clear();
};
window.addEventListener("pointerdown", () => { isHeld = true; });
for (const end of ["pointerup", "pointercancel", "blur"]) window.addEventListener(end, () => setTimeout(release));

const live = document.getElementById("live");
if (live && window.EventSource) {
  const AGAIN_MS = 2000;
  let source = null;
  let isOver = false;
  const open = () => {
    source = new EventSource(live.dataset.events);
    source.onopen = () => say("");
    source.onerror = () => {
      say(words.lost);
      if (source?.readyState === EventSource.CLOSED) { // after an answer that was no stream, a browser gives up
        source = null;
        setTimeout(follow, AGAIN_MS);
      }
    };
    for (const each of ["picture", "rates"]) {
      source.addEventListener(each, (event) => later(each, () => put(document.getElementById(each), event)));
    }
    source.addEventListener("changed", (event) => later("changed", () => {
      say("");
      const place = [...live.querySelectorAll("a")].indexOf(document.activeElement);
      put(live, event);
      if (place >= 0 && document.activeElement === document.body) {
        live.querySelectorAll("a")[place]?.focus({ preventScroll: true });
      }
    }));
    source.addEventListener("away", () => say(words.away));
    source.addEventListener("well", () => say(""));
    source.addEventListener("gone", () => { say(words.gone); over(); });
    source.addEventListener("ended", () => { say(words.ended); over(); });
  };
  const over = () => { isOver = true; close(); };
  const close = () => { source?.close(); source = null; };
  // A page that nobody sees asks for nothing.
  const follow = () => { if (document.hidden) close(); else if (!source && !isOver) open(); };
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", follow);
  follow();
}

const wizard = document.querySelector(".wizard");
if (wizard) {
  const steps = [...wizard.querySelectorAll(":scope > fieldset")];
  const [back, next, create] = ["back", "next", "create"].map((each) => wizard.querySelector("." + each));
  const at = () => Math.max(0, steps.findIndex((each) => "#" + each.id === location.hash));
  const show = () => {
    const index = at();
    steps.forEach((each, number) => { each.hidden = number !== index; });
    wizard.querySelectorAll(".steps a").forEach((each, number) => {
      if (number === index) each.setAttribute("aria-current", "step"); else each.removeAttribute("aria-current");
    });
    back.hidden = index === 0;
    next.hidden = index === steps.length - 1;
    create.hidden = index !== steps.length - 1;
  };
  const go = (index) => {
    location.hash = steps[index].id; // so that the browser's back button goes back a step
    show();
    steps[index].querySelector("input, select, textarea")?.focus();
  };
  back.addEventListener("click", () => go(at() - 1));
  next.addEventListener("click", () => go(at() + 1));
  wizard.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.tagName === "INPUT" && at() < steps.length - 1) {
      event.preventDefault();
      go(at() + 1);
    }
  });
  window.addEventListener("hashchange", show);
  if (wizard.querySelector(".wrong")) history.replaceState(null, "", "#" + wizard.dataset.step);
  show();
}

const copies = () => {
  const copyable = [...document.querySelectorAll(".copy")];
  const several = copyable.length > 2; // one for all of them is offered where there are some
  for (const each of copyable) each.hidden = !navigator.clipboard || (each.classList.contains("all") && !several);
};
copies();
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.(".copy");
  if (!button) return;
  const place = button.classList.contains("all") ? button.closest(".commands") : button.parentElement;
  const lines = [...place.querySelectorAll("code")].map((each) => each.textContent);
  await navigator.clipboard.writeText(lines.join("\n") + (lines.length > 1 ? "\n" : ""));
  button.textContent = words.copied;
});

// Where several commands do what a form does, the server says them for what has been typed; of files it gets the names.
const told = document.querySelector("form[data-commands]");
if (told) {
  const SETTLED_MS = 200;
  const section = document.querySelector(".commands");
  let timer = null, asking = null;
  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const typed = new FormData(told);
    for (const each of told.querySelectorAll("input[type=file]")) typed.set(each.name, each.files[0]?.name ?? "");
    for (const each of told.querySelectorAll("input[type=password]")) typed.set(each.name, each.value ? "yes" : "");
    try {
      const answer = await fetch(told.dataset.commands, { method: "POST", body: typed, signal: asking.signal });
      if (answer.ok) become(document.getElementById("commands"), new DOMParser().parseFromString(await answer.text(), "text/html").body);
      section.hidden = !answer.ok; // rather none than those of before
    } catch (error) {
      if (error.name !== "AbortError") section.hidden = true;
    }
    for (const all of section.querySelectorAll(".all")) all.textContent = words.copyAll;
    copies();
  };
  told.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, SETTLED_MS); });
  const [came] = performance.getEntriesByType("navigation");
  if (came?.type === "back_forward") window.addEventListener("pageshow", ask); // what was typed stands there again
}

// The command below a form says what has been typed, too.
const commanded = document.querySelector("[data-commanded]");
if (commanded) {
  const GREEDY = "sni-container-refs"; // takes all words up to the next option
  const shown = document.querySelector(".commands code");
  const quoted = (word) => /^[\w@%+=:,./-]+$/.test(word) ? word : "'" + word.replaceAll("'", `'"'"'`) + "'";
  const whole = [...commanded.querySelectorAll("[data-flag]")];
  const text = (part) => [...(part.tagName === "FIELDSET" ? part.querySelectorAll("input:checked") : [part])]
    .map((each) => each.type === "checkbox" && !each.checked ? "" : each.value).join("\n").trim();
  const first = new Map(whole.map((part) => [part, text(part)]));
  const options = (part) => {
    const said = text(part), [on, off] = part.dataset.flag.split(" "), lines = said.split("\n");
    if (part.dataset.how === "yes") return said ? ["--" + on] : off ? ["--" + off] : [];
    if (part.dataset.how === "headers") return ["--" + on, lines.map((each) => each + "=true").join(",")];
    const option = (each) => /^-(?!\d+$)/.test(each) ? ["--" + on + "=" + each] : ["--" + on, each];
    if (on === GREEDY) return ["--" + on, ...lines];
    if (["lines", "many"].includes(part.dataset.how)) return lines.flatMap(option);
    return part.dataset.inner ? ["--" + on.split(".")[0], part.dataset.inner + "=" + said] : option(said);
  };
  const isSaid = (part) => text(part) !== first.get(part)
    || (commanded.dataset.makes && part.dataset.how !== "yes" && text(part) !== "");
  commanded.addEventListener("input", () => {
    const said = [];
    for (const part of whole.filter(isSaid)) {
      const more = options(part);
      if (part.dataset.inner && said.at(-2) === more[0]) said.push(said.pop() + "," + more[1]); // parts of one
      else said.push(...more);
    }
    const end = said.includes("--" + GREEDY) ? ["--"] : [];
    shown.textContent = [commanded.dataset.head, ...said.map(quoted), ...end, commanded.dataset.tail].join(" ");
  });
}

// A weight can be slid.
const weight = document.querySelector("input#weight");
if (weight) {
  const slider = Object.assign(document.createElement("input"), { type: "range", max: 256, value: weight.value, tabIndex: -1 });
  slider.setAttribute("aria-hidden", "true"); // the field itself says and takes the same
  slider.addEventListener("input", () => { weight.value = slider.value; weight.dispatchEvent(new Event("input", { bubbles: true })); });
  weight.addEventListener("change", () => { slider.value = weight.value; });
  weight.after(slider);
}

for (const part of document.querySelectorAll(".preferences select")) part.addEventListener("change", () => part.form.submit());

// Who waits for an answer sees that, and sends nothing twice.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.ariaBusy === "true") { event.preventDefault(); return; }
    form.ariaBusy = "true";
    const bar = Object.assign(document.createElement("progress"), { ariaLabel: words.wait });
    (event.submitter ?? form).after(bar);
  });
}
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return; // back to a page as it was left
  for (const form of document.querySelectorAll("form[aria-busy]")) form.ariaBusy = null;
  for (const bar of document.querySelectorAll("form progress")) bar.remove();
});
