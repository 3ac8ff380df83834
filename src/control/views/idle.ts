/**
 * Why nothing is enforced on this router although nothing failed and nobody halted it: its backend enforces nothing, or the
 * kernel has not acknowledged yet what should be in force.
 */
export function idleWords({ name, detail }: { readonly name: string; readonly detail: string }): string {
  const enforces = name !== 'observer' && name !== 'dry-run';
  return enforces ? 'the kernel has not been brought up to date yet' : detail;
}
