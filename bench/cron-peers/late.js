/** Says how long ago the last minute was. */
export function late() {
  console.log(`L ${Math.round(((performance.timeOrigin + performance.now()) % 60000) * 1000)}`);
}

export const seconds = (s) => new Promise((resolve) => setTimeout(resolve, s * 1000));
