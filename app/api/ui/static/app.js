// What pages do beyond HTML: times in the viewer's zone, dialogs, the theme, charts, live marks.
(function () {
  "use strict";

  // Times ------------------------------------------------------------------

  var DAY_MS = 86400000;
  var full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
  var clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  var dated = new Intl.DateTimeFormat(undefined, {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  });
  var short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  var yearly = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

  function absolute(at) {
    var now = new Date();
    if (at.toDateString() === now.toDateString()) return clock.format(at);
    if (Math.abs(now - at) < 300 * DAY_MS) return dated.format(at);
    return yearly.format(at);
  }

  function length(ms) {
    var minutes = Math.floor(Math.abs(ms) / 60000);
    if (minutes < 1) return Math.floor(Math.abs(ms) / 1000) + " s";
    if (minutes < 60) return minutes + " min";
    var hours = Math.floor(minutes / 60);
    if (hours < 24) return hours + " h" + (minutes % 60 ? " " + (minutes % 60) + " min" : "");
    var days = Math.floor(hours / 24);
    if (days >= 730) return Math.floor(days / 365) + " years";
    if (days >= 90) return Math.round(days / 30.4) + " months";
    return days + " d" + (days < 10 && hours % 24 ? " " + (hours % 24) + " h" : "");
  }

  function tell(time) {
    var at = new Date(time.dateTime);
    if (isNaN(at)) return;
    time.title = full.format(at);
    var left = at - Date.now();
    if (time.dataset.shows === "left") {
      time.textContent = left >= 0 ? length(left) + " left" : length(left) + " overdue";
      var due = time.closest("[data-due]");
      if (due) due.dataset.due = left < 0 ? "over" : left < 3600000 ? "soon" : "ahead";
    } else if (time.dataset.shows === "age") {
      time.textContent = left > 0 ? "in " + length(left) : length(left) + " ago";
    } else {
      time.textContent = absolute(at);
    }
  }

  function tellAll(root) {
    root.querySelectorAll("time[datetime]").forEach(tell);
  }

  setInterval(function () {
    document.querySelectorAll("time[data-shows]").forEach(tell);
  }, 15000);

  // Theme ------------------------------------------------------------------

  function isDark() {
    var chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function markTheme() {
    document.querySelectorAll("[data-toggles-theme]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(isDark()));
    });
  }

  function toggleTheme() {
    var next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("funnel-theme", next);
    } catch (refused) {
      // it lasts for the page
    }
    markTheme();
    drawAll(document);
  }

  // Dialogs and forms ------------------------------------------------------

  document.addEventListener("click", function (event) {
    var opener = event.target.closest("[data-opens]");
    if (opener) {
      var dialog = document.getElementById(opener.dataset.opens);
      if (dialog) {
        dialog.showModal();
        event.preventDefault();
      }
      return;
    }
    if (event.target.closest("[data-closes]")) {
      event.target.closest("dialog").close();
      return;
    }
    if (event.target.closest("[data-toggles-theme]")) {
      toggleTheme();
      return;
    }
    if (event.target.nodeName === "DIALOG") event.target.close();
  });

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    var button = event.submitter || form.querySelector("button[type=submit]");
    if (button) {
      button.setAttribute("aria-busy", "true");
      button.dataset.was = button.textContent;
      button.textContent = button.dataset.busy || "Sending…";
    }
  });

  // A page that comes back from the browser's memory can be sent from again.
  addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) {
      delete form.dataset.sent;
    });
    document.querySelectorAll("[aria-busy=true][data-was]").forEach(function (button) {
      button.removeAttribute("aria-busy");
      button.textContent = button.dataset.was;
    });
  });

  // A fact's value has the choices of its criterion.
  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-chooses]")) choose(event.target);
  });

  function choose(select) {
    var form = select.form;
    var kind = select.selectedOptions[0].dataset.kind;
    form.querySelectorAll("[data-kind-of]").forEach(function (part) {
      var is_it = part.dataset.kindOf === kind;
      part.hidden = !is_it;
      part.querySelectorAll("input, select").forEach(function (field) {
        field.disabled = !is_it;
      });
    });
  }

  // Charts -----------------------------------------------------------------

  function color(name) {
    var probe = document.createElement("span");
    probe.className = "probe probe-" + name;
    document.body.append(probe);
    var found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function drawScore(box) {
    var points = JSON.parse(box.dataset.points);
    box.replaceChildren();
    var muted = color("muted"), line = color("line"), accent = color("accent");
    var fit = color("fit"), soft = color("soft");
    function days(u, all) {
      var hours = all.length > 1 && all[1] - all[0] < 86400;
      return all.map(function (at) { return (hours ? clock : short).format(new Date(at * 1000)); });
    }
    function axis(extra) {
      return Object.assign(
        { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui" },
        extra
      );
    }
    function tenths(u, value) { return value == null ? "" : value.toFixed(1); }
    var chart = new uPlot(
      {
        width: box.clientWidth,
        height: 190,
        cursor: { y: false, points: { size: 7 } },
        legend: { live: true },
        scales: { y: { range: [0, 100] } },
        axes: [axis({ space: 70, values: days, gap: 8 }), axis({ size: 34, values: function (u, all) { return all; } })],
        series: [
          { value: function (u, at) { return at == null ? "" : dated.format(new Date(at * 1000)); }, label: "When" },
          { label: "Engagement", value: tenths, stroke: accent, width: 2, fill: soft, points: { show: false } },
          { label: "Fit", value: tenths, stroke: fit, width: 2, dash: [6, 4], points: { show: false } },
          { label: "Priority", value: tenths, stroke: muted, width: 1.5, dash: [2, 3], points: { show: false } },
        ],
      },
      points,
      box
    );
    box.chart = chart;
    var last = points[0].length - 1;
    setTimeout(function () { chart.setLegend({ idx: last }); });
    box.addEventListener("pointerleave", function () { chart.setLegend({ idx: last }); });
  }

  function drawAll(root) {
    if (!window.uPlot) return;
    root.querySelectorAll("[data-points]").forEach(drawScore);
  }

  var resizing;
  addEventListener("resize", function () {
    clearTimeout(resizing);
    resizing = setTimeout(function () {
      document.querySelectorAll("[data-points]").forEach(function (box) {
        if (box.chart) box.chart.setSize({ width: box.clientWidth, height: 190 });
      });
    }, 100);
  });

  // On a narrow screen filters are folded away, unless one is set; a track shows its end.
  function fold() {
    if (matchMedia("(min-width: 1161px)").matches) return;
    document.querySelectorAll("details[data-folds]").forEach(function (each) {
      each.open = Array.from(each.querySelectorAll("select, input")).some(function (field) {
        return field.nodeName === "SELECT" ? field.selectedIndex > 0 : field.value;
      });
    });
    document.querySelectorAll(".track").forEach(function (each) { each.scrollLeft = each.scrollWidth; });
  }

  // What HTMX brings -------------------------------------------------------

  // What is wrong now, by what it is about: the page's requests, or its live stream.
  var troubles = { request: "", stream: "" };

  function complain(about, text) {
    var box = document.getElementById("trouble");
    troubles[about] = text;
    if (!box) return;
    box.textContent = troubles.stream || troubles.request;
    box.hidden = !box.textContent;
  }

  var AGAIN_MS = 3000;

  function tryAgain(part) {
    if (!part.hasAttribute("data-retries")) return;
    setTimeout(function () {
      if (part.isConnected) htmx.trigger(part, "refresh");
    }, AGAIN_MS);
  }

  document.addEventListener("htmx:load", function (event) {
    tellAll(event.detail.elt.parentNode || document);
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    if (event.detail.successful) complain("request", "");
  });
  document.addEventListener("htmx:responseError", function (event) {
    tryAgain(event.detail.elt);
    complain("request", event.detail.xhr.responseText.slice(0, 200) || "The page could not be brought up to date.");
  });
  ["htmx:sendError", "htmx:timeout"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      tryAgain(event.detail.elt);
      complain("request", "The service can't be reached. What you see may be out of date; it tries again by itself.");
    });
  });

  // Rows that are brought take the place of what asked for them: the focus goes on with the first.
  var before = null;
  document.addEventListener("htmx:beforeSwap", function (event) {
    var target = event.detail.target;
    before = target.matches("#following, #earlier") ? target.previousElementSibling : null;
  });
  document.addEventListener("htmx:afterSettle", function () {
    var first = before && before.nextElementSibling;
    before = null;
    if (!first) return;
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  });

  // The live stream --------------------------------------------------------

  // The browser connects again by itself and says what it has seen, so nothing is missed. Where it
  // can't (the answer was no stream), or where too much has passed, the page is loaded anew.
  var isGap = false, interrupted;
  var LONG_MS = 4000;

  function follow(url) {
    var source = new EventSource(url), givenUp = null;
    // A broken connection is routine, and the browser mends it: HTMX, who would complain of it in
    // the console, need hear only of what it has to mend itself.
    Object.defineProperty(source, "onerror", { set: function (handler) { givenUp = handler; } });
    source.addEventListener("error", function (event) {
      mark("waiting", "Reconnecting…");
      if (source.readyState !== EventSource.CLOSED) return;
      isGap = true;
      htmx.trigger("#figures", "refresh"); // who is no longer signed in is led there
      if (givenUp) givenUp.call(source, event);
    });
    source.addEventListener("open", function () { mark("waiting", "Updates paused"); });
    source.addEventListener("live", function () {
      if (isGap) location.reload();
      mark("live", "Live");
    });
    source.addEventListener("reset", function () { location.reload(); });
    return source;
  }

  htmx.createEventSource = follow;

  document.addEventListener("htmx:sseMessage", function (event) {
    // The feed stays short.
    var list = event.target.closest("[data-keeps]") || event.target.querySelector("[data-keeps]");
    if (!list) return;
    var empty = list.querySelector("[data-empty]");
    if (empty) empty.remove();
    var newest = list.firstElementChild;
    var same = newest && Array.from(list.children).filter(function (each) {
      return each.dataset.item === newest.dataset.item;
    });
    if (same && same.length > 1) newest.remove(); // told again after a reconnect
    while (list.children.length > Number(list.dataset.keeps)) list.lastElementChild.remove();
  });

  function mark(state, text) {
    document.querySelectorAll("[data-live]").forEach(function (each) {
      each.dataset.live = state;
      if (each.textContent !== text) each.textContent = text;
    });
    if (state === "live") {
      clearTimeout(interrupted);
      interrupted = 0;
      complain("stream", "");
    } else if (!interrupted) {
      interrupted = setTimeout(function () {
        complain("stream", "Live updates are interrupted since " + clock.format(new Date()) + ". They go on by themselves, and nothing is missed.");
      }, LONG_MS);
    }
  }

  // Parts of a drawing that belong together light up together.
  document.addEventListener("pointerover", function (event) {
    var of = event.target.closest && event.target.closest("[data-of]");
    document.querySelectorAll(".is-lit").forEach(function (each) { each.classList.remove("is-lit"); });
    if (of) {
      document.querySelectorAll('[data-of~="' + of.dataset.of.split(" ")[0] + '"]').forEach(function (each) {
        each.classList.add("is-lit");
      });
    }
  });

  tellAll(document);
  fold();
  markTheme();
  drawAll(document);
  document.querySelectorAll("[data-chooses]").forEach(choose);
})();
