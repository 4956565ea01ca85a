// Suggestions under the search field: a list box that the field controls. Without this file the field searches as a form.

const WAIT_MS = 150;

/** The field, its list and what is chosen in it; Enter on nothing chosen searches for what was typed. */
function suggest(form) {
  const input = form.querySelector("input[type=search]");
  const list = form.querySelector("[role=listbox]");
  const said = form.querySelector("[aria-live]");
  const url = new URL(list.dataset.source, location.href);
  let timer;
  let asked = null;
  let chosen = -1;
  let isComposing = false;

  const options = () => [...list.querySelectorAll("[role=option]")];

  function close() {
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(index) {
    const all = options();
    chosen = index < -1 ? all.length - 1 : index >= all.length ? -1 : index;
    all.forEach((option, place) => option.setAttribute("aria-selected", String(place === chosen)));
    if (chosen < 0) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    input.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  }

  function show(html) {
    list.innerHTML = html;
    const count = options().length;
    list.hidden = list.childElementCount === 0 || document.activeElement !== input;
    chosen = -1;
    input.setAttribute("aria-expanded", String(!list.hidden));
    input.removeAttribute("aria-activedescendant");
    said.textContent = list.hidden ? "" : said.dataset.count.replace("0", String(count));
  }

  async function ask() {
    asked?.abort();
    const q = input.value.trim();
    if (q === "") {
      close();
      return;
    }
    asked = new AbortController();
    url.searchParams.set("q", q);
    try {
      const answer = await fetch(url, { signal: asked.signal });
      if (answer.ok && !answer.redirected) show(await answer.text());
      else close();
    } catch (error) {
      // A newer question is on its way, or nobody answers: then the field still searches.
      if (error.name !== "AbortError") close();
    }
  }

  function askSoon() {
    clearTimeout(timer);
    // Half a syllable in an input method is no question yet.
    if (!isComposing) timer = setTimeout(ask, WAIT_MS);
  }

  function onKey(event) {
    if (event.isComposing || isComposing) return;
    const isOpen = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (isOpen) choose(event.key === "ArrowDown" ? chosen + 1 : chosen - 1);
      else if (event.key === "ArrowDown") ask();
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      close();
    } else if (event.key === "Enter" && isOpen && chosen >= 0) {
      event.preventDefault();
      location.assign(options()[chosen].dataset.url);
    } else if (event.key === "Tab") {
      close();
    }
  }

  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");
  input.addEventListener("input", askSoon);
  input.addEventListener("compositionstart", () => { isComposing = true; });
  input.addEventListener("compositionend", () => { isComposing = false; askSoon(); });
  input.addEventListener("keydown", onKey);
  input.addEventListener("blur", () => setTimeout(close, WAIT_MS));
  // The field keeps its focus while an option is pressed.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) location.assign(option.dataset.url);
  });
  form.addEventListener("submit", () => { clearTimeout(timer); asked?.abort(); close(); });
}

document.querySelectorAll("form[data-suggest]").forEach(suggest);
