// SPDX-License-Identifier: BSL-1.0
#include <vmem/fwd.hpp>

#include <doctest/doctest.h>

namespace {

// Used before anything is defined, as a header of a user's would.
struct tree_node;
template <class Heap>
struct tree {
    using pointer = vmem::vptr<tree_node, Heap>;
    [[nodiscard]] static int weigh(vmem::vptr<const tree_node, Heap>* root) {
        return root == nullptr ? 0 : 1;
    }
    [[nodiscard]] static int weigh(vmem::vref<int, Heap>*, vmem::pin<int, Heap>*,
                                   vmem::any_ptr<int, Heap>*) {
        return 2;
    }
};
struct a_storage;
struct a_residency;
struct an_allocator;
using undefined_heap = vmem::heap<a_storage, a_residency, an_allocator>;

TEST_CASE("fwd: names can be used before their definitions") {
    CHECK(tree<undefined_heap>::weigh(nullptr) == 0);
    CHECK(tree<undefined_heap>::weigh(nullptr, nullptr, nullptr) == 2);
}

} // namespace

// And they are the names of what is defined.
#include <vmem/any_ptr.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>

TEST_CASE("fwd: the definitions fit the declarations") {
    using memory = vmem::heap<vmem::ram_storage<1024>, vmem::paged<64, 2>,
                              vmem::nonresident_linked_list_allocator>;
    memory heap;
    heap.format().value();
    const vmem::vptr<int, memory> p = heap.make<int>(3).value();
    const vmem::any_ptr<int, memory> any = p;
    CHECK(*any == 3);
}
