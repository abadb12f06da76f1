# Draws what `accuracy --plot' sends ahead of this file, as SVG on the standard output: $worst, a
# part each for [N,C], [N,C,L] and [N,L,C], of lines "offset libbncl PyTorch oneDNN": each number
# the worst |error| of y, "?" where there is none; and `shown', which of the three there are: '1 3'.
set terminal svg size 1000,480 dynamic name 'accuracy' \
    font 'Helvetica,Arial,sans-serif,14' background '#ffffff'
set encoding utf8
set datafile missing '?'

# Steps of one on the axis: mean 0, then the powers of ten.
place(offset) = offset < 1 ? 0 : log10(offset) + 1
set xrange [-0.35:8.35]
set tics out nomirror scale 0.6
set xtics offset 0,0.3 ('0' 0, '1' 1, '10' 2, '10²' 3, '10³' 4, '10⁴' 5, '10⁵' 6, '10⁶' 7, '10⁷' 8)
set logscale y
set yrange [5e-8:6]
set ytics ('10⁻⁷' 1e-7, '10⁻⁶' 1e-6, '10⁻⁵' 1e-5, '10⁻⁴' 1e-4, '10⁻³' 1e-3, \
    '10⁻²' 1e-2, '10⁻¹' 1e-1, '1' 1)
set grid ytics linetype 1 linecolor rgb '#e6e6e6' linewidth 0.8
set border 3 linecolor rgb '#707070'
set tics textcolor rgb '#404040'
unset key # titles are for who points at a curve

# Colours that remain apart to colour-blind eyes (Okabe and Ito), and marks of different form.
set style line 1 linecolor rgb '#0072b2' linewidth 2.2 pointtype 7 pointsize 0.65
set style line 2 linecolor rgb '#d55e00' linewidth 2.2 pointtype 5 pointsize 0.6
set style line 3 linecolor rgb '#009e73' linewidth 2.2 pointtype 9 pointsize 0.75
set style line 4 linecolor rgb '#0072b2' linewidth 1.2 dashtype 2

names = 'libbncl PyTorch oneDNN'

set multiplot layout 1,3 margins 0.06,0.99,0.14,0.77 spacing 0.022
set label 1 'How far batch norm’s y is from the exact one, as the mean of x grows' \
    at screen 0.06,0.945 left font ',19' textcolor rgb '#202020'
set label 2 'worst |error of y| / max(1, |y|), over all numbers of values per channel' \
    at screen 0.06,0.875 left textcolor rgb '#404040'
at = 0.705
backwards = '' # what is drawn last lies on top
do for [k in shown] {
    i = int(k)
    set label 2 + i word(names, i) at screen at,0.875 left offset 0.9,-0.2 \
        textcolor linestyle i point linestyle i
    at = at + 0.095
    backwards = k . ' ' . backwards
}
titles = '[N,C] [N,C,L] [N,L,C]'
do for [layout = 1:3] {
    set title word(titles, layout) offset 0,-0.6 textcolor rgb '#202020'
    set xlabel 'mean of x, in standard deviations' offset 0,0.4 textcolor rgb '#404040'
    if (layout == 1) {
        set label 9 'libbncl’s promise: 2·10⁻⁶' at 8.3,2e-6 right offset 0,0.6 font ',12' \
            textcolor linestyle 4
    } else {
        unset label
        set ytics format ''
        set ytics (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1)
    }
    plot 2e-6 with lines linestyle 4 title 'promise', \
        for [k in backwards] $worst index layout - 1 \
            using (place($1)):(column(int(k) + 1)) with linespoints linestyle int(k) \
            title word(names, int(k))
}
unset multiplot
