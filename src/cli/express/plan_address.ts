/** Where a prebuilt plan lies: in reach of every address space layout, and far from where kernels map by themselves. */
export const PLAN_ADDRESS = 0x10_0000_0000;
