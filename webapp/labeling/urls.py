"""Addresses of this app. Words that stand where a slug stands are in `projects.RESERVED_SLUGS`."""

from django.urls import path

from webapp.labeling.views import (
    adjudication,
    agreement,
    desk,
    exports,
    generation,
    importing,
    items,
    projects,
    sources,
)

app_name = "labeling"
urlpatterns = [
    path("", projects.project_list, name="list"),
    path("new/", projects.new_project, name="new"),
    path("preview/", projects.preview, name="preview"),
    path("<slug:slug>/", projects.project_detail, name="detail"),
    path("<slug:slug>/edit/", projects.edit_project, name="edit"),
    path("<slug:slug>/open/", projects.open_project, name="open"),
    path("<slug:slug>/delete/", projects.delete_project, name="delete"),
    path("<slug:slug>/import/", importing.import_file, name="import"),
    path("<slug:slug>/import/<uuid:key>/", importing.import_preview, name="import_preview"),
    path("<slug:slug>/from-run/", sources.from_run, name="from_run"),
    path("<slug:slug>/from-trees/", sources.from_trees, name="from_trees"),
    path("<slug:slug>/items/", items.item_list, name="items"),
    path("<slug:slug>/items/<int:number>/", items.item_detail, name="item"),
    path("<slug:slug>/items/<int:number>/aside/", items.set_aside, name="aside"),
    path("<slug:slug>/work/", desk.work, name="work"),
    path("<slug:slug>/work/next/", desk.next_item, name="work_next"),
    path("<slug:slug>/work/undo/", desk.undo, name="work_undo"),
    path("<slug:slug>/work/<int:assignment_id>/submit/", desk.submit, name="work_submit"),
    path("<slug:slug>/work/<int:assignment_id>/draft/", desk.draft, name="work_draft"),
    path("<slug:slug>/work/<int:assignment_id>/skip/", desk.skip, name="work_skip"),
    path("<slug:slug>/work/<int:assignment_id>/flag/", desk.flag, name="work_flag"),
    path("<slug:slug>/work/<int:assignment_id>/difference/", desk.compared, name="work_difference"),
    path("<slug:slug>/generate/", generation.generate, name="generate"),
    path("<slug:slug>/generate/<int:job_id>/", generation.job, name="generation"),
    path("<slug:slug>/generate/<int:job_id>/stop/", generation.stop, name="generation_stop"),
    path("<slug:slug>/generate/<int:job_id>/go-on/", generation.go_on, name="generation_go_on"),
    path("<slug:slug>/agreement/", agreement.agreement, name="agreement"),
    path("<slug:slug>/strengths/", agreement.strengths, name="strengths"),
    path("<slug:slug>/adjudicate/", adjudication.adjudicate, name="adjudicate"),
    path("<slug:slug>/adjudicate/<int:number>/", adjudication.decide_item, name="adjudicate_decide"),
    path("<slug:slug>/adjudicate/<int:number>/withdraw/", adjudication.withdraw_decision, name="adjudicate_withdraw"),
    path("<slug:slug>/export/", exports.export, name="export"),
    path("<slug:slug>/export/rows/", exports.count_rows, name="export_rows"),
    path("<slug:slug>/export/card/", exports.export_card, name="export_card"),
    path("<slug:slug>/export/file/", exports.export_file, name="export_file"),
]
