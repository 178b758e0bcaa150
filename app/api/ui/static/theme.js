// Before anything is drawn: the theme that was chosen here, else the system's.
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("has-script");
  try {
    var chosen = localStorage.getItem("funnel-theme");
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  } catch (refused) {
    // without storage the choice lasts for the page
  }
})();
