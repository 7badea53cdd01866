// Dialogs, which begin at their heading.

/** Opens a dialog. By itself the browser would go to its first control, however far down that is. */
export function openDialog(dialog) {
  if (!dialog.open) dialog.showModal();
  dialog.querySelector('h2').focus();
}
