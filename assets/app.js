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

  // Asks the server what is wrong with a new password while it is typed. Without an answer the page says it later.
  function check(input) {
    var box = document.getElementById("strength");
    var rules = document.getElementById("rules");
    var token = input.form && input.form.querySelector("input[name=csrf]");
    if (!box || !rules || !token || !window.XMLHttpRequest || !window.JSON) return;
    var words = box.querySelector(".strength-words");
    var asked = 0;
    var waiting = null;
    function mark(item, met) {
      item.setAttribute("data-met", met === null ? "unknown" : met ? "yes" : "no");
      item.querySelector(".rule-state").textContent = met === null ? "" : met ? " (met)" : " (not met)";
    }
    function show(answer) {
      answer.rules.forEach(function (rule) {
        var item = rules.querySelector('[data-rule="' + rule.id + '"]');
        if (item) mark(item, rule.met);
      });
      box.hidden = answer.score === null;
      box.setAttribute("data-score", answer.score);
      if (words.textContent !== answer.words) words.textContent = answer.words || "";
    }
    function forget() {
      box.hidden = true;
      words.textContent = "";
      Array.prototype.forEach.call(rules.children, function (item) { mark(item, null); });
    }
    function ask() {
      var mine = ++asked;
      if (input.value === "") return forget();
      var request = new XMLHttpRequest();
      request.open("POST", input.getAttribute("data-checks"));
      request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
      request.onload = function () {
        if (mine !== asked || request.status !== 200) return;
        try { show(JSON.parse(request.responseText)); } catch (error) { forget(); }
      };
      request.send("csrf=" + encodeURIComponent(token.value) + "&password=" + encodeURIComponent(input.value));
    }
    input.addEventListener("input", function () {
      input.removeAttribute("aria-invalid");
      window.clearTimeout(waiting);
      waiting = window.setTimeout(ask, 250);
    });
  }

  // Copies the words of an element: a list line by line, anything else without its blanks. The
  // button stays hidden where the browser would not let it.
  function copies(button) {
    var from = document.getElementById(button.getAttribute("data-copies"));
    if (!from || !navigator.clipboard || !navigator.clipboard.writeText) return;
    var label = button.textContent;
    button.addEventListener("click", function () {
      var items = from.querySelectorAll("code");
      var lines = Array.prototype.map.call(items, function (item) { return item.textContent; });
      var text = lines.length ? lines.join("\n") : from.textContent.replace(/\s+/g, "");
      navigator.clipboard.writeText(text).then(function () {
        button.textContent = "Copied";
        window.setTimeout(function () { button.textContent = label; }, 2500);
      }, function () { button.hidden = true; });
    });
    button.setAttribute("aria-live", "polite");
    button.hidden = false;
  }

  function prints(button) {
    button.addEventListener("click", function () { window.print(); });
    button.hidden = false;
  }

  function each(selector, act) {
    Array.prototype.forEach.call(document.querySelectorAll(selector), act);
  }

  // Ctrl+K or Cmd+K finds a setting: the list is a script that the browser keeps, this shows the part that fits.
  function finder(dialog) {
    if (!dialog.showModal) return;
    var input = document.getElementById("find-words");
    var none = dialog.querySelector(".find-none");
    var list = document.getElementById("find-list");
    var options = [];
    var shown = options;
    var at = 0;
    function span(name, text) {
      var element = document.createElement("span");
      element.className = name;
      element.textContent = text;
      return element;
    }
    function add(setting) {
      var option = document.createElement("li");
      var page = setting.url.split("#")[0].split("/").slice(0, 3).join("/");
      var icon = document.querySelector("nav a[href='" + page + "'] .icon");
      option.id = "find-" + (options.length + 1);
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.setAttribute("data-url", setting.url);
      option.setAttribute("data-words", setting.words);
      if (icon) option.appendChild(icon.cloneNode(true));
      option.appendChild(span("who-name", setting.title));
      option.appendChild(document.createTextNode(" "));
      option.appendChild(span("who-more", setting.page));
      option.addEventListener("click", function () { go(option); });
      options.push(list.appendChild(option));
    }
    function load() {
      var script = document.createElement("script");
      script.src = dialog.getAttribute("data-list");
      script.onload = function () {
        window.latchkeySettings.forEach(add);
        search();
      };
      document.head.appendChild(script);
    }
    function mark(next) {
      if (shown[at]) shown[at].setAttribute("aria-selected", "false");
      at = shown.length ? (next + shown.length) % shown.length : 0;
      if (!shown.length) return input.removeAttribute("aria-activedescendant");
      shown[at].setAttribute("aria-selected", "true");
      shown[at].scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", shown[at].id);
    }
    function fits(option) {
      var text = (option.textContent + " " + option.getAttribute("data-words")).toLowerCase();
      return input.value.toLowerCase().split(/\s+/).every(function (word) { return text.indexOf(word) >= 0; });
    }
    function search() {
      if (shown[at]) shown[at].setAttribute("aria-selected", "false");
      options.forEach(function (option) { option.hidden = !fits(option); });
      shown = options.filter(function (option) { return !option.hidden; });
      none.hidden = shown.length > 0;
      input.setAttribute("aria-expanded", shown.length ? "true" : "false");
      mark(0);
    }
    function go(option) {
      if (!option) return;
      dialog.close();
      window.location.assign(option.getAttribute("data-url"));
    }
    function open() {
      if (dialog.open) return;
      dialog.showModal();
      input.value = "";
      search();
      input.focus();
    }
    input.addEventListener("input", search);
    input.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown") mark(at + 1);
      else if (event.key === "ArrowUp") mark(at - 1);
      else if (event.key === "Enter") go(shown[at]);
      else return;
      event.preventDefault();
    });
    // Outside of the box is the backdrop.
    dialog.addEventListener("click", function (event) { if (event.target === dialog) dialog.close(); });
    document.addEventListener("keydown", function (event) {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && (event.key === "k" || event.key === "K")) {
        event.preventDefault();
        open();
      }
    });
    each("a[data-finds]", function (link) {
      link.addEventListener("click", function (event) { event.preventDefault(); open(); });
    });
    each("input[data-finds]", function (field) {
      field.addEventListener("click", open);
    });
    each("[data-shortcut]", function (key) {
      if (/Mac|iPhone|iPad/.test(navigator.platform)) key.textContent = "\u2318 K";
      key.hidden = false;
    });
    load();
  }

  // Shows at once how the pages will look. Only the button keeps it.
  function appearance(form) {
    var root = document.documentElement;
    function chosen(name) {
      var radio = form.querySelector("input[name=" + name + "]:checked");
      return radio ? radio.value : "";
    }
    function show() {
      ["theme", "skin", "navigation", "width"].forEach(function (name) {
        if (chosen(name)) root.setAttribute("data-" + name, chosen(name));
        else root.removeAttribute("data-" + name);
      });
      var color = chosen("color");
      if (color === "own") color = form.elements.own.value;
      var sheet = document.getElementById("accent");
      if (!color) {
        if (sheet) sheet.parentNode.removeChild(sheet);
        return;
      }
      if (!sheet) {
        sheet = document.createElement("link");
        sheet.rel = "stylesheet";
        sheet.id = "accent";
        document.head.appendChild(sheet);
      }
      sheet.href = "/assets/color/" + color.replace("#", "").toLowerCase() + ".css";
    }
    // What is chosen is kept at once: the form is sent as its button would, one after the other. The
    // button is there where that does not work.
    var told = document.getElementById("saved");
    var button = document.getElementById("save");
    var sends = told && button && window.URLSearchParams && window.FormData && window.XMLHttpRequest;
    var busy = false;
    var changed = false;
    function tell(state, words) {
      told.setAttribute("data-state", state);
      told.textContent = words;
      button.hidden = state !== "failed";
    }
    function failed() {
      busy = false;
      tell("failed", "This could not be saved. Press “Save” to try again.");
    }
    function send() {
      if (busy) {
        changed = true;
        return;
      }
      busy = true;
      changed = false;
      var request = new XMLHttpRequest();
      request.open("POST", form.action);
      request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
      request.onerror = failed;
      request.onload = function () {
        // Signed out meanwhile, one is led elsewhere.
        if (request.status !== 200 || !/done=saved/.test(request.responseURL)) return failed();
        busy = false;
        if (changed) return send();
        tell("saved", "Saved. Your pages look like this from now on.");
      };
      request.send(new URLSearchParams(new FormData(form)).toString());
    }
    if (sends) button.hidden = true;
    form.addEventListener("change", function (event) {
      if (event.target.name === "own") document.getElementById("color-own").checked = true;
      show();
      if (!sends) return;
      tell("saving", "Saving …");
      send();
    });
  }

  // The device knows the names of the time zones, and most likely its owner's.
  function zones(list) {
    if (!window.Intl || !Intl.supportedValuesOf) return;
    Intl.supportedValuesOf("timeZone").forEach(function (zone) {
      list.appendChild(document.createElement("option")).value = zone;
    });
    var input = document.querySelector("[list=" + list.id + "]");
    input.placeholder = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  }

  each("button[data-reveals]", reveal);
  each("dialog.find", finder);
  each("[data-appearance]", appearance);
  each("[data-zones]", zones);
  // What sends a file leaves the page as it is, ready for another.
  each("form[method=post]:not([data-again])", once);
  each("input[data-checks]", check);
  each("button[data-copies]", copies);
  each("button[data-prints]", prints);
})();
