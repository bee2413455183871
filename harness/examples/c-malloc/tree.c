/*
 * A binary tree of counted keys: an ordinary C program that calls malloc() and free().
 *
 * `node tree.mjs` runs it. What runs is tree.wat beside this file: this program, translated by hand,
 * so that no C compiler is needed. A compiler would be asked like this (not tried here):
 *
 *   clang --target=wasm32 -O2 -nostdlib -matomics -mbulk-memory -Wl,--no-entry \
 *     -Wl,--import-memory -Wl,--shared-memory -Wl,--max-memory=4294967296 \
 *     -Wl,--allow-undefined -o tree.wasm tree.c
 */
#define EXPORT(name) __attribute__((export_name(#name)))

void *malloc(unsigned long size);
void free(void *object);

struct node {
  struct node *left;
  struct node *right;
  int key;
  int count;
};

/* Add a key; returns how often it is in the tree now, 0 when out of memory. */
EXPORT(tree_insert)
int tree_insert(struct node **tree, int key) {
  struct node *node = *tree;
  while (node) {
    if (key == node->key) return ++node->count;
    tree = key < node->key ? &node->left : &node->right;
    node = *tree;
  }
  node = malloc(sizeof(struct node));
  if (!node) return 0;
  node->left = 0;
  node->right = 0;
  node->key = key;
  node->count = 1;
  *tree = node;
  return 1;
}

/* How many keys were added: the sum of the counts. */
EXPORT(tree_sum)
int tree_sum(struct node *tree) {
  if (!tree) return 0;
  return tree->count + tree_sum(tree->left) + tree_sum(tree->right);
}

/* Free every node, in whichever CPU this runs; returns how many there were. */
EXPORT(tree_free)
int tree_free(struct node *tree) {
  if (!tree) return 0;
  int nodes = 1 + tree_free(tree->left) + tree_free(tree->right);
  free(tree);
  return nodes;
}
