// Small comforts. Every page works without this file.

/** Plus and minus beside a quantity field, within its min, max and step. */
function addStepper(box) {
  const input = box.querySelector("input");
  for (const button of box.querySelectorAll("button[data-step]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      if (button.dataset.step === "up") input.stepUp();
      else input.stepDown();
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }
}

/** A filter form sends itself on a change, and leaves empty fields out of the address. */
function sendOnChange(form) {
  form.addEventListener("change", (event) => {
    for (const name of (event.target.dataset.resets ?? "").split(" ").filter(Boolean)) {
      const dependent = form.elements.namedItem(name);
      if (dependent) dependent.value = "";
    }
    form.requestSubmit();
  });
}

function leaveEmptyFieldsOut(form) {
  form.addEventListener("submit", () => {
    for (const field of form.elements) {
      if (field.name && field.value === "") field.disabled = true;
    }
  });
  // Coming back with the browser's button finds the form as it was.
  window.addEventListener("pageshow", () => {
    for (const field of form.elements) field.disabled = false;
  });
}

/** The second click of a double click sends nothing; a later one does, in case the first was lost on the way. */
function sendOnce(event) {
  const form = event.target;
  if (form.method !== "post") return;
  if (event.timeStamp - (form.dataset.sentAt ?? -Infinity) < 2000) event.preventDefault();
  else form.dataset.sentAt = event.timeStamp;
}

/** A changed quantity is sent at once. Who changes it and goes straight on to the checkout takes it along. */
function sendQuantity(input) {
  const { form } = input;
  let isChanged = false;
  form.querySelector("[data-update]").hidden = true;
  input.addEventListener("change", () => { isChanged = true; form.requestSubmit(); });
  for (const link of document.querySelectorAll("a[data-after-change]")) {
    link.addEventListener("click", (event) => {
      if (!isChanged) return;
      event.preventDefault();
      if (!form.reportValidity()) return;
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "next", value: link.pathname }));
      delete form.dataset.sentAt;
      form.requestSubmit();
    });
  }
}

async function copyText(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = button.querySelector("[data-copy-label]") ?? button;
  const before = label.textContent;
  label.textContent = button.dataset.copied ?? "✓";
  setTimeout(() => { label.textContent = before; }, 1600);
}

/** A field that only one choice of another needs: data-only-with="vs=custom". */
function showOnlyWith(box) {
  const [name, value] = box.dataset.onlyWith.split("=");
  const other = box.closest("form").elements.namedItem(name);
  const show = () => { box.hidden = other.value !== value; };
  other.addEventListener("change", show);
  show();
}

document.addEventListener("submit", sendOnce);
document.querySelectorAll("div[data-quantity]").forEach(addStepper);
document.querySelectorAll("input[data-quantity]").forEach(sendQuantity);
document.querySelectorAll("form[data-autosubmit]").forEach(sendOnChange);
document.querySelectorAll("form[data-tidy]").forEach(leaveEmptyFieldsOut);
document.querySelectorAll("[data-only-with]").forEach(showOnlyWith);
document.querySelectorAll("[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
});
if (navigator.clipboard) {
  document.querySelectorAll("[data-copy]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => copyText(button));
  });
}
if (window.matchMedia("(min-width: 1024px)").matches) {
  document.querySelectorAll("details[data-open-wide]").forEach((details) => { details.open = true; });
}
// The chosen entry of a scrolling strip stands in view.
for (const strip of document.querySelectorAll("[data-strip]")) {
  const chosen = strip.querySelector("[aria-current]");
  if (chosen) strip.scrollLeft = chosen.offsetLeft - (strip.clientWidth - chosen.clientWidth) / 2;
}
