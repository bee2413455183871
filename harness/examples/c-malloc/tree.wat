;; tree.c, translated by hand: no compiler made this file. What a linker would leave to the host it
;; imports: the shared memory, malloc() and free().
(module
  (import "env" "memory" (memory 1 65536 shared))
  (import "env" "malloc" (func $malloc (param i32) (result i32)))
  (import "env" "free" (func $free (param i32)))

  ;; struct node: left at 0, right at 4, key at 8, count at 12; 16 bytes

  (func (export "tree_insert") (param $tree i32) (param $key i32) (result i32)
    (local $node i32)
    (local.set $node (i32.load (local.get $tree)))
    (block $missing
      (loop $next
        (br_if $missing (i32.eqz (local.get $node)))
        (if (i32.eq (local.get $key) (i32.load offset=8 (local.get $node)))
          (then
            (i32.store offset=12 (local.get $node)
              (i32.add (i32.load offset=12 (local.get $node)) (i32.const 1)))
            (return (i32.load offset=12 (local.get $node)))))
        (local.set $tree
          (select
            (local.get $node)
            (i32.add (local.get $node) (i32.const 4))
            (i32.lt_s (local.get $key) (i32.load offset=8 (local.get $node)))))
        (local.set $node (i32.load (local.get $tree)))
        (br $next)))
    (local.set $node (call $malloc (i32.const 16)))
    (if (i32.eqz (local.get $node)) (then (return (i32.const 0))))
    (i32.store (local.get $node) (i32.const 0))
    (i32.store offset=4 (local.get $node) (i32.const 0))
    (i32.store offset=8 (local.get $node) (local.get $key))
    (i32.store offset=12 (local.get $node) (i32.const 1))
    (i32.store (local.get $tree) (local.get $node))
    (i32.const 1))

  (func $tree_sum (export "tree_sum") (param $tree i32) (result i32)
    (if (i32.eqz (local.get $tree)) (then (return (i32.const 0))))
    (i32.add (i32.load offset=12 (local.get $tree))
      (i32.add
        (call $tree_sum (i32.load (local.get $tree)))
        (call $tree_sum (i32.load offset=4 (local.get $tree))))))

  (func $tree_free (export "tree_free") (param $tree i32) (result i32)
    (local $nodes i32)
    (if (i32.eqz (local.get $tree)) (then (return (i32.const 0))))
    (local.set $nodes
      (i32.add (i32.const 1)
        (i32.add
          (call $tree_free (i32.load (local.get $tree)))
          (call $tree_free (i32.load offset=4 (local.get $tree))))))
    (call $free (local.get $tree))
    (local.get $nodes)))
