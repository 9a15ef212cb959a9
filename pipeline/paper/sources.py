"""Words that name a source in code, configuration and pages -> its entry in docs/references.bib.

A test finds every author with a year, every "et al." and every arXiv number in the text and holds
them against this index, authors and years included. Libraries that are only run are no sources;
pyproject.toml lists them. Nor are inequalities of every first course (Markov's, Bonferroni's).
"""

from __future__ import annotations

SOURCES: dict[str, str] = {
    # The paper, and memorization before it.
    "Kim, Moon, Yun": "kim2025cost",
    "Egosi et al. 2025": "egosi2025",
    "Goldberg and Jerrum 1995": "goldberg1995",
    "Li et al. 2022": "li2022",
    "Telgarsky": "telgarsky2016",
    "Vardi et al. 2022": "vardi2022",
    "Yarotsky": "yarotsky2017",
    "Yu et al. 2024": "yu2024",
    # Training.
    "Adam": "kingma2015",
    "AdamW": "loshchilov2019",
    "Gowal et al. 2018": "gowal2018",
    "IBP": "gowal2018",
    "Madry et al. 2018": "madry2018",
    "PGD": "madry2018",
    "Zhang et al. 2019": "zhang2019",
    "TRADES": "zhang2019",
    "Zhang et al. 2020": "zhang2020",
    "CROWN-IBP": "zhang2020",
    # Bounds and splits of trained networks.
    "Achterberg 2007": "achterberg2007",
    "Bunel et al. 2020": "bunel2020",
    "De Palma et al. 2021": "depalma2021",
    "Tjeng, Xiao and Tedrake": "tjeng2019",
    "Wang et al. 2021": "wang2021",
    "beta-CROWN": "wang2021",
    "alpha-beta-CROWN": "wang2021",
    "Xu et al. 2021": "xu2021",
    "alpha-CROWN": "xu2021",
    "auto_LiRPA": "xu2020",
    "Zhang et al. 2018": "zhang2018",
    "CROWN": "zhang2018",
    # Mathematics, statistics and algorithms.
    "Clopper-Pearson": "clopper1934",
    "Davidson-Szarek": "davidson2001",
    "Dillinger and Walzer 2021": "dillinger2021",
    "Duchi et al. 2008": "duchi2008",
    "Gershgorin": "gershgorin1931",
    "Hoeffding": "hoeffding1963",
    "Ky Fan": "fan1949",
    "L-BFGS": "byrd1995",
    "LLL": "lenstra1982",
    # Tools, formats and standards.
    "Clarabel": "goulart2024",
    "FLINT": "hart2010",
    "IEEE 754": "ieee2019",
    "ONNX": "bai2019",
    "SCIP": "achterberg2009",
    "scikit-learn": "pedregosa2011",
    "VNN-COMP": "brix2023",
    "VNN-LIB 1.0": "demarchi2023",
    "VNN-LIB 2.0": "roy2026",
    # Datasets that scikit-learn brings along.
    "breast_cancer": "street1993",
    "digits": "alpaydin1998",
    "iris": "fisher1936",
    "wine": "aeberhard1992",
}
