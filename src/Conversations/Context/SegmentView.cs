using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Context;

/// <summary>The first <paramref name="Count"/> rendered items of one segment, and what lies before them.</summary>
/// <param name="Parent">The view that this one continues; null at the root.</param>
/// <param name="Rendered">The segment's rendered items; those below <paramref name="Count"/> never change.</param>
/// <param name="Count">How many of them belong to the view.</param>
internal sealed record SegmentView(SegmentView? Parent, Rendered[] Rendered, int Count);
