using System.Reflection;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Grains;
using Orleans;
using Orleans.Runtime;

namespace Evergrain.Cluster.Tests.Formats;

/// <summary>What processes of a cluster must agree on, as lines: types, their members, grains and calls.</summary>
internal static class WireContract
{
    private static readonly Assembly[] Assemblies = [typeof(IConversationGrain).Assembly, typeof(StartedTurn).Assembly];

    /// <summary>The types that cross, each with its alias.</summary>
    public static IReadOnlyList<(string Alias, Type Type)> Types { get; } =
    [
        .. Assemblies.SelectMany(static assembly => assembly.GetTypes())
            .Where(static type => type.IsDefined(typeof(GenerateSerializerAttribute), inherit: false))
            .Select(static type => (AliasOf(type) ?? throw new InvalidOperationException($"{type} has no alias"), type))
            .OrderBy(static type => type.Item1, StringComparer.Ordinal),
    ];

    // A type of ours that is written as another one: by that one's alias.
    private static readonly Dictionary<Type, string> Surrogates = (
        from type in Assemblies.SelectMany(static assembly => assembly.GetTypes())
        from face in type.GetInterfaces()
        where face.IsGenericType && face.GetGenericTypeDefinition() == typeof(IConverter<,>)
        select face.GetGenericArguments()).ToDictionary(static pair => pair[0], static pair => AliasOf(pair[1])!);

    public static IEnumerable<string> Lines() => Types.SelectMany(LinesOf).Concat(Grains()).Concat(Calls())
        .Append($"names of RefusalKind: {string.Join(' ', Enum.GetNames<RefusalKind>())}");

    private static IEnumerable<string> LinesOf((string Alias, Type Type) type)
    {
        yield return $"type {type.Alias}";
        if (type.Type.IsEnum)
        {
            foreach (var value in Enum.GetValues(type.Type))
            {
                yield return $"type {type.Alias} value {(int)value} {value}";
            }
        }

        var members = type.Type.GetMembers(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .Where(static member => member.IsDefined(typeof(IdAttribute)));
        foreach (var member in members.OrderBy(static member => member.GetCustomAttribute<IdAttribute>()!.Id))
        {
            yield return $"type {type.Alias} member {member.GetCustomAttribute<IdAttribute>()!.Id} {TypeOf(member)}";
        }
    }

    private static IEnumerable<string> Grains() =>
        from type in Assemblies.SelectMany(static assembly => assembly.GetTypes())
        let name = type.GetCustomAttribute<GrainTypeAttribute>()
        where name is not null
        orderby type.Name
        select $"grain {name.GetGrainType(null!, type)} is {string.Join(' ', type.GetInterfaces()
            .Where(static face => AliasOf(face) is not null).Select(AliasOf))}";

    private static IEnumerable<string> Calls()
    {
        var interfaces = Assemblies.SelectMany(static assembly => assembly.GetTypes())
            .Where(static type => type.IsInterface && typeof(IAddressable).IsAssignableFrom(type))
            .OrderBy(static type => type.Name, StringComparer.Ordinal);
        foreach (var face in interfaces)
        {
            foreach (var method in face.GetMethods().OrderBy(static method => method.Name, StringComparer.Ordinal))
            {
                var parameters = string.Join(", ", method.GetParameters().Select(p => NameOf(p.ParameterType)));
                yield return $"call {AliasOf(face)}.{AliasOf(method)}({parameters}): {NameOf(method.ReturnType)}";
            }
        }
    }

    private static string TypeOf(MemberInfo member) => NameOf(member switch
    {
        PropertyInfo property => property.PropertyType,
        FieldInfo field => field.FieldType,
        _ => throw new InvalidOperationException($"{member} has an id"),
    });

    // Names of types of ours do not cross where there is an alias.
    private static string NameOf(Type type) => type switch
    {
        { IsArray: true } => NameOf(type.GetElementType()!) + "[]",
        { IsGenericType: true } => $"{AliasOf(type) ?? type.Name}" +
            $"<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>",
        _ => Surrogates.GetValueOrDefault(type) ?? AliasOf(type) ?? type.Name,
    };

    private static string? AliasOf(MemberInfo member) => member.GetCustomAttribute<AliasAttribute>(false)?.Alias;
}
