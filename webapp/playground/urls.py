"""Addresses of this app, below ``/playground/``."""

from django.urls import path

from webapp.playground import views

app_name = "playground"
urlpatterns = [
    path("", views.chats, name="list"),
    path("<int:chat_id>/", views.chat, name="chat"),
    path("questions/<int:question_id>/", views.question, name="question"),
    path("questions/<int:question_id>/stop/", views.stop, name="stop"),
    path("questions/<int:question_id>/again/", views.again, name="again"),
    path("questions/<int:question_id>/delete/", views.delete, name="delete"),
    path("questions/<int:question_id>/choose/", views.choose, name="choose"),
    path("questions/<int:question_id>/label/", views.label, name="label"),
    path("questions/<int:question_id>/search/", views.start_search, name="start_search"),
    path("searches/<int:search_id>/", views.search, name="search"),
    path("questions/<int:question_id>/<int:model>/<int:sample>/", views.response, name="response"),
]
