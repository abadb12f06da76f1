/* The tree in which a channel's tiles merge: neighbours 0+1, 2+3, ..., then those, and so on; an
   odd one at the end waits for the next round. It depends on the number of tiles alone.

     tiles  0   1   2   3   4          A work-item walks the tiles in order and keeps one node a
             \ /     \ /    |          level on a stack, as a binary counter keeps its digits: after
              \       /     |          tile t it merges once for each trailing 1 bit of t. What is
               \     /      |          left at the end merges from the last to the first.
                \   /       |
                  \--------/

   TILE   values of a channel in a tile, for every layout: part of the promise of equal bits
   STACK  levels kept: enough for 2^31 values */
#define TILE 1024
#define STACK 24
#define MERGES_AFTER(tile) popcount((tile) & ~((tile) + 1))
