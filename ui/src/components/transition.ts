// changePage runs an update of the page as a View Transition, where the browser has them and the
// person has not asked for less motion. The update must change the DOM before it returns or
// resolves.
type WithTransitions = { startViewTransition?: (update: () => void | Promise<void>) => { finished: Promise<void> } };

export const wantsLessMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export async function changePage(update: () => void | Promise<void>) {
  const start = (document as WithTransitions).startViewTransition;
  if (!start || wantsLessMotion() || document.hidden) return update();
  await start.call(document, update).finished.catch(() => {}); // a second change cuts off the first
}
