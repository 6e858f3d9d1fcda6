// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TOOLS_TRACE_PLOT_HPP
#define VMEM_TOOLS_TRACE_PLOT_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace trace {

/// A line of the plot: points of (bytes of RAM, misses per request).
struct curve {
    std::string name;
    std::vector<std::pair<double, double>> points;
};

[[nodiscard]] inline std::string escaped(const std::string& text) {
    std::string made;
    for (const char c : text) {
        made += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
    }
    return made;
}
[[nodiscard]] inline std::string bytes_label(double bytes) {
    std::ostringstream label;
    if (bytes >= 1024 * 1024) {
        label << bytes / (1024 * 1024) << " MiB";
    } else if (bytes >= 1024) {
        label << bytes / 1024 << " KiB";
    } else {
        label << bytes << " B";
    }
    return label.str();
}

/// Writes an SVG image of miss ratio against RAM, which is drawn by its logarithm. Precondition:
/// each curve has a point.
inline void write_plot(std::ostream& out, const std::string& title,
                       const std::vector<curve>& curves) {
    constexpr double left = 60, right = 560, top = 40, bottom = 360;
    constexpr std::array colours{"#000000", "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728",
                                 "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22",
                                 "#17becf", "#aa3377", "#228833"};
    std::set<double> axis;
    for (const curve& each : curves) {
        for (const auto& [ram, ratio] : each.points) {
            axis.insert(ram);
        }
    }
    const double least = std::log2(*axis.begin());
    const double span = (std::max)(std::log2(*axis.rbegin()) - least, 1.0);
    const auto x = [&](double ram) {
        return left + (std::log2(ram) - least) / span * (right - left);
    };
    const auto y = [&](double ratio) { return bottom - ratio * (bottom - top); };
    const std::size_t height = (std::max)(std::size_t{410}, 60 + 18 * curves.size());
    out << std::fixed << std::setprecision(1)
        << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 700 " << height
        << "\" "
           "font-family=\"sans-serif\" font-size=\"12\">\n"
           "<rect width=\"700\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"60\" y=\"22\" "
           "font-size=\"14\">"
        << escaped(title) << "</text>\n";
    for (int tenth = 0; tenth <= 10; tenth += 2) {
        const double at = y(tenth / 10.0);
        out << "<path d=\"M" << left << ' ' << at << 'H' << right
            << "\" stroke=\"#ddd\"/><text x=\"52\" y=\"" << at + 4 << "\" text-anchor=\"end\">"
            << tenth / 10.0 << "</text>\n";
    }
    for (const double ram : axis) {
        out << "<text x=\"" << x(ram) << "\" y=\"378\" text-anchor=\"middle\" font-size=\"10\">"
            << bytes_label(ram) << "</text>\n";
    }
    out << "<text x=\"310\" y=\"400\" text-anchor=\"middle\">RAM</text>\n<text x=\"16\" y=\"200\" "
           "text-anchor=\"middle\" transform=\"rotate(-90 16 200)\">misses per request</text>\n";
    for (std::size_t i = 0; i < curves.size(); ++i) {
        const char* const colour = colours[i % colours.size()];
        out << "<polyline fill=\"none\" stroke=\"" << colour << "\" stroke-width=\"1.5\" points=\"";
        for (const auto& [ram, ratio] : curves[i].points) {
            out << x(ram) << ',' << y(ratio) << ' ';
        }
        const double line = 50 + 18 * static_cast<double>(i);
        out << "\"/>\n<path d=\"M575 " << line - 4 << "h18\" stroke=\"" << colour
            << "\" stroke-width=\"2\"/><text x=\"598\" y=\"" << line << "\">"
            << escaped(curves[i].name) << "</text>\n";
    }
    out << "</svg>\n";
}

} // namespace trace

#endif
