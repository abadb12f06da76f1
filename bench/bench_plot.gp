# How fast each case moves its bytes, beside the limit and the peers; and a roofline.
# bench_plot.c sends before: `count' and `roof', the largest limit in GB/s; `shown', which of libbncl
# and its peers there are: '1 3'; and the data block $cases: a line a case, of
#   name limit libbncl PyTorch oneDNN given intensity GFLOP/s noisy
# with rates in GB/s, "?" where there is none.
line = 34.0 # pixels a case
bars = line * count
height = bars + 640
set terminal svg size 1100,height dynamic noenhanced name 'bench' \
    font 'Helvetica,Arial,sans-serif,13' background '#ffffff'
set encoding utf8
set datafile missing '?'
set border 3 linecolor rgb '#707070'
set tics out nomirror scale 0.6 textcolor rgb '#404040'

# Colours that remain apart to colour-blind eyes (Okabe and Ito).
colours = '#0072b2 #d55e00 #009e73 #cc79a7'
title_of(k) = k == 1 ? 'libbncl' : k == 2 ? 'PyTorch' : k == 3 ? 'oneDNN, its best format' : \
    'oneDNN, the given format'

set multiplot
set lmargin at screen 0.36
set rmargin at screen 0.97
set tmargin at screen 1.0 - 70.0 / height
set bmargin at screen 1.0 - (70.0 + bars) / height
set label 1 'Bytes that must move, by the time taken' at screen 0.02, screen 1.0 - 28.0 / height \
    font ',17' textcolor rgb '#202020'
set key at screen 0.97, screen 1.0 - 12.0 / height right top horizontal samplen 1
set yrange [count - 0.5:-0.5]
set xrange [0:*]
set xlabel 'GB/s'
set grid xtics linetype 1 linecolor rgb '#e6e6e6' linewidth 0.8
set style fill solid 0.9 noborder
plot for [k in shown] $cases \
        using (0):($0):(0):(column(k + 2)):($0 - 0.6 + 0.2 * k):($0 - 0.42 + 0.2 * k) \
        with boxxyerror linecolor rgb word(colours, int(k)) title title_of(int(k)), \
    $cases using 2:($0):(0):(0.42):ytic(stringcolumn(1) . ($9 > 0 ? ' ~' : '')) \
        with vectors nohead linewidth 2 linecolor rgb '#202020' title 'limit', \
    $cases using 2:($0):(0):(-0.42) with vectors nohead linewidth 2 linecolor rgb '#202020' notitle

unset label
unset ytics
set ytics nomirror
set tmargin at screen 430.0 / height
set bmargin at screen 60.0 / height
set lmargin at screen 0.09
set label 1 'The roof that memory sets' at screen 0.02, screen 460.0 / height \
    font ',17' textcolor rgb '#202020'
set key inside right bottom vertical
set xrange [0.02:200] # before the logarithm, which takes no 0
set yrange [0.1:10000]
set logscale xy
set yrange [*:*]
set xlabel 'floating-point operations of the formulas, by bytes that must move'
set ylabel 'GFLOP/s'
set grid xtics ytics linetype 1 linecolor rgb '#e6e6e6' linewidth 0.8
plot roof > 0 ? roof * x : 1/0 with lines linewidth 2 linecolor rgb '#202020' \
        title sprintf('%.0f GB/s, the fastest limit of the run', roof), \
    $cases using 7:8 with points pointtype 7 pointsize 0.6 linecolor rgb word(colours, 1) \
        title 'libbncl'
unset multiplot
