//! What an egui context does when the router wakes it.

use std::sync::mpsc;

use eframe::egui::{Context, RawInput, ViewportId, ViewportInfo};
use foreground::MessageRouter;

/// Draws one frame of a viewport.
fn draw(context: &Context, viewport_id: ViewportId, content: impl FnMut()) {
    let viewports = [ViewportId::ROOT, viewport_id].map(|id| (id, ViewportInfo::default()));
    let input = RawInput { viewport_id, viewports: viewports.into_iter().collect(), ..Default::default() };
    let mut content = content;
    context.run_ui(input, |_| content()).drop_without_applying_deltas();
}

#[test]
fn a_send_while_another_viewport_is_drawn_wakes_the_one_that_dispatches() {
    let context = Context::default();
    let router = MessageRouter::<Vec<u32>>::new(context.clone());
    router.start().unwrap();
    let (sender, receiver) = router.pipe().unwrap();
    receiver.on_message(|received: &mut Vec<u32>, number| received.push(number));
    let sender = sender.start();
    let child = ViewportId::from_hash_of("child");
    draw(&context, child, || {});
    while context.has_requested_repaint_for(&ViewportId::ROOT) {
        draw(&context, ViewportId::ROOT, || {});
    }
    let (tell, told) = mpsc::channel();
    context.set_request_repaint_callback(move |info| tell.send(info.viewport_id).unwrap());

    draw(&context, child, || sender.send(1).unwrap());
    assert!(told.try_iter().any(|viewport| viewport == ViewportId::ROOT));

    let mut received = Vec::new();
    draw(&context, ViewportId::ROOT, || {
        router.dispatch(&mut received);
        router.settle();
    });
    assert_eq!(received, [1]);
}

#[test]
fn a_message_is_worth_two_frames_and_then_there_is_rest() {
    let context = Context::default();
    let router = MessageRouter::<u32>::new(context.clone());
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, number| *sum += number);
    let sender = sender.start();
    let mut sum = 0;
    let mut frames_until_rest = || {
        (0..100)
            .take_while(|_| context.has_requested_repaint())
            .inspect(|_| {
                draw(&context, ViewportId::ROOT, || {
                    router.dispatch(&mut sum);
                    router.settle();
                });
            })
            .count()
    };
    frames_until_rest();
    for _ in 0..3 {
        (0..10).for_each(|_| sender.send(1).unwrap());
        assert_eq!(frames_until_rest(), 2);
    }
    assert_eq!(sum, 30);
}
