// Buttons that cannot be pressed while what they began goes on.

/**
 * Disables buttons while `work` goes on. A browser takes the focus from such a button: it has it again afterwards, or the
 * first one beside it where it has gone itself, unless the visitor is elsewhere by then.
 */
export async function whileBusy(buttons, work) {
  const focused = buttons.find((button) => button === document.activeElement);
  for (const button of buttons) button.disabled = true;
  try {
    return await work();
  } finally {
    for (const button of buttons) button.disabled = false;
    const left = focused?.hidden ? buttons.find(({ hidden }) => !hidden) : focused;
    if (document.activeElement === document.body) left?.focus({ preventScroll: true });
  }
}
