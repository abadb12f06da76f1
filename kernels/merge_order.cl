/* The tree in which a channel's tiles merge: neighbours 0+1, 2+3, ..., then those, and so on; an
   odd one at the end waits for the next round. It depends on the number of tiles alone.

     tiles  0   1   2   3   4          A work-item walks the tiles in order and keeps one node a
             \ /     \ /    |          level on a stack, as a binary counter keeps its digits: after
              \       /     |          tile t it merges once for each trailing 1 bit of t. What is
               \     /      |          left at the end merges from the last to the first.
                \   /       |
                  \--------/

   TILE         values of a channel in a tile, for every layout: part of the promise of equal bits
   STACK        levels kept: enough for 2^31 values
   MERGE_TILES  the walk: declares `root`, a NODE, and leaves in it that of all `tiles`, one or
                more. LOAD gives the node of `tile`, MERGE(a, b) the one above two. */
#define TILE 1024
#define STACK 24
#define MERGES_AFTER(tile) popcount((tile) & ~((tile) + 1))
#define MERGE_TILES(NODE, root, tiles, LOAD, MERGE)                                                \
    NODE stack[STACK], root;                                                                       \
    uint top = 0;                                                                                  \
    for (uint tile = 0; tile < tiles; ++tile) {                                                    \
        root = LOAD;                                                                               \
        for (uint k = MERGES_AFTER(tile); k > 0; --k)                                              \
            root = MERGE(stack[--top], root);                                                      \
        stack[top++] = root;                                                                       \
    }                                                                                              \
    root = stack[--top];                                                                           \
    while (top > 0)                                                                                \
        root = MERGE(stack[--top], root)
