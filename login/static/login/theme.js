// The admin keeps there which theme somebody has chosen; without a choice the system's is taken.
const chosen = (localStorage.getItem("adminTheme") || "").replaceAll('"', "");
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.classList.toggle("dark", chosen === "dark" || (chosen !== "light" && dark));
