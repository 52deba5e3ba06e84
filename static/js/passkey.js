// Passkeys: a form marked data-passkey gets its hidden credential from the browser before it is
// sent. It stays hidden where the browser cannot, and says why when the device refused.
(() => {
  const api = window.PublicKeyCredential;
  const isName = !/^[\d.]+$|:/.test(location.hostname);
  const can = Boolean(api?.parseRequestOptionsFromJSON && api.parseCreationOptionsFromJSON && isSecureContext && isName);

  const challenge = async (form) => {
    const written = form.querySelector("script[type='application/json']");
    if (written) return JSON.parse(written.textContent);
    const answer = await fetch(form.dataset.optionsAt, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return (await answer.json()).request_options;
  };

  const ceremony = async (form) => {
    const { publicKey } = await challenge(form);
    return form.dataset.passkey === "create"
      ? navigator.credentials.create({ publicKey: api.parseCreationOptionsFromJSON(publicKey) })
      : navigator.credentials.get({ publicKey: api.parseRequestOptionsFromJSON(publicKey) });
  };

  const said = (error) =>
    error.name === "InvalidStateError" ? "This device already keeps a passkey for your account."
      : error.name === "SecurityError" ? "Browsers keep passkeys for host names only, not for bare addresses."
        : "The device gave no passkey. Nothing was changed; try again or use another way.";

  const run = async (form) => {
    const note = form.querySelector("[role=alert]");
    note.hidden = true;
    try {
      const credential = await ceremony(form);
      form.querySelector("[data-credential], [name=credential]").value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch (error) {
      note.textContent = said(error);
      note.hidden = false;
    }
  };

  for (const form of can ? document.querySelectorAll("form[data-passkey]") : []) {
    form.hidden = false;
    form.addEventListener("submit", (event) => { event.preventDefault(); run(form); });
  }
  for (const note of document.querySelectorAll("[data-no-passkey]")) note.hidden = can;
})();
