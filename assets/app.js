// Adds comfort to pages that work without it. Old engines: plain functions, no newer syntax.
(function () {
  "use strict";

  // Shows and hides a password. The button is in the page, hidden where nothing would answer it.
  function reveal(button) {
    var input = document.getElementById(button.getAttribute("data-reveals"));
    if (!input) return;
    function set(shown) {
      input.type = shown ? "text" : "password";
      var label = shown ? "Hide password" : "Show password";
      button.setAttribute("aria-pressed", shown ? "true" : "false");
      button.setAttribute("title", label);
    }
    button.addEventListener("click", function () {
      var at = input.selectionStart;
      set(input.type === "password");
      input.focus();
      if (at !== null && input.setSelectionRange) input.setSelectionRange(at, at);
    });
    // A password left readable would be remembered as ordinary text.
    if (input.form) input.form.addEventListener("submit", function () { set(false); });
    button.hidden = false;
  }

  // A second press of a button would post the form twice. The button stays enabled, so that its value is sent.
  function once(form) {
    var sent = false;
    form.addEventListener("submit", function (event) {
      if (sent) {
        event.preventDefault();
        return;
      }
      sent = true;
      form.setAttribute("aria-busy", "true");
    });
    // Back in the browser's history brings the page as it was left.
    window.addEventListener("pageshow", function () {
      sent = false;
      form.removeAttribute("aria-busy");
    });
  }

  function each(selector, act) {
    Array.prototype.forEach.call(document.querySelectorAll(selector), act);
  }

  each("button[data-reveals]", reveal);
  each("form[method=post]", once);
})();
