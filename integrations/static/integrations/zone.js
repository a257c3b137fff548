// The clock of who looks: from the next page on, times are shown and read as on theirs.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const isKept = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `otms_zone=${timeZone}; Path=/admin/; Max-Age=31536000; SameSite=Lax${isKept}`;
});
