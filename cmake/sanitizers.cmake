# SPDX-License-Identifier: BSL-1.0
if(VMEM_SANITIZE)
  add_compile_options(-fsanitize=${VMEM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${VMEM_SANITIZE})
endif()
